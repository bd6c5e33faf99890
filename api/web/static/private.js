// How private is this? The guarantee in pictures, from what the server states.
import { card, count, make, table } from "./elements.js";
import { start } from "./page.js";
import { get } from "./session.js";


start("How private is this?", async () => {
  const stated = await get("v1/privacy");
  const like = stated.kinds.like;
  const percent = 100 * like.attacker.max_accuracy;
  const total = like.statistics.find((one) => one.name === "total");
  const deviation = total.sd_by_epoch[total.sd_by_epoch.length - 1];
  const [first, last] = [total.threshold_by_epoch[0], total.threshold_by_epoch[total.threshold_by_epoch.length - 1]];
  return [make("h1", {}, "How private is this?"),
    make("p", { class: "soft" }, "Likewise counts every like and publishes numbers about many people, never about one. This is what that means, computed from the policy in force (", stated.version, ")."),
    make("div", { class: "cards" },
      half(card("What somebody can guess about you", "They know everything else about everyone, and read every number that is ever published.",
        guess(percent), make("p", {}, like.attacker.in_words))),
      half(card("What the noise looks like", `Each number gets noise once. Of the total it has a standard deviation of ${deviation.toFixed(1)}, whatever the number is.`,
        bell(deviation), make("p", {}, `So ${count(1000)} likes may be shown as any number around it, in 95 of 100 cases between ${count(Math.round(1000 - 1.96 * deviation))} and ${count(Math.round(1000 + 1.96 * deviation))}. Asking again gives the same number: there is nothing to average.`))),
      half(card("What is too few to show", `No measured number is about fewer than ${stated.anonymity.k} accounts. That is certain.`,
        make("p", {}, `A total is shown from ${first} likes on in the first hour, and from ${last} on in the end: so that nobody sees when the count passes ${stated.anonymity.k}.`),
        thresholds(like))),
      half(card("What one like costs", "ε says how much one like may change what is published. The larger it is, the more a guess gains.",
        table("By number of likes of one account on one day", ["Likes", "ε at δ = 10⁻⁶"], like.account_day.map((row) => [String(row.engagements), epsilon(row)]), { open: true }),
        make("p", { class: "note" }, "A like and a favourite of one video are two engagements. What an account does in a month adds up further.")))),
    make("div", { class: "cards" }, card("In words", null, make("p", {}, stated.anonymity.in_words), make("p", {}, "The unit: ", stated.unit.engagement, ".")))];
});

const half = (element) => { element.classList.add("half"); return element; };
const epsilon = (row) => { const found = row.epsilon.find((one) => one.delta === 1e-6)?.epsilon; return found == null ? "–" : found.toFixed(2); };

function svg(width, height, label, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  element.append(...children);
  return element;
}

function shape(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  if (text) element.textContent = text;
  return element;
}

// A hundred guesses: those that a coin gets right, and those that the numbers add at most.
function guess(percent) {
  const dots = Array.from({ length: 100 }, (_, place) => shape("circle", {
    cx: 10 + 20 * (place % 20), cy: 10 + 20 * Math.floor(place / 20), r: 7,
    fill: place < 50 ? "var(--main)" : place < percent ? "var(--second)" : "none", stroke: "var(--soft)" }));
  return make("div", {}, svg(400, 100, `Of 100 guesses, a coin gets 50 right; all published numbers together add at most ${(percent - 50).toFixed(1)}.`, ...dots),
    make("p", { class: "note" }, `Of 100 guesses a coin gets 50 right; with all numbers at most ${percent.toFixed(1)} are right.`));
}

function bell(deviation) {
  const points = Array.from({ length: 121 }, (_, place) => {
    const x = (place - 60) / 15;
    return `${(place * 400) / 120},${110 - 95 * Math.exp((-x * x) / 2)}`;
  });
  const at = (offset) => 200 + (offset / deviation) * 50;
  const ticks = [-2, 0, 2].map((steps) => shape("text", { x: at(steps * deviation), y: 126, "text-anchor": "middle", fill: "var(--soft)", "font-size": 12 }, steps ? `${steps > 0 ? "+" : "−"}${Math.round(Math.abs(steps) * deviation)}` : "exact"));
  return svg(400, 132, `The noise of a total: a bell with a standard deviation of ${deviation.toFixed(1)} likes.`,
    shape("polyline", { points: points.join(" "), fill: "var(--band)", stroke: "var(--main)", "stroke-width": 2 }), ...ticks);
}

function thresholds(like) {
  const names = like.statistics.filter((one) => one.threshold_by_epoch);
  return table("Smallest numbers that are shown", ["Number", "first hour", "after a year"], names.map((one) =>
    [one.name.replaceAll("_", " "), String(one.threshold_by_epoch[0]), String(one.threshold_by_epoch[one.threshold_by_epoch.length - 1])]), { open: true });
}
