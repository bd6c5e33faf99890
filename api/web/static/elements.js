// Builds parts of pages. Whatever comes from outside is put in as text, never as markup.
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

const COUNT = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeZone: "UTC" });
const MINUTE = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" });
export const count = (value) => COUNT.format(value);
export const day = (text) => DAY.format(new Date(text));
export const minute = (text) => `${MINUTE.format(new Date(text))} UTC`;

export const WHY = {
  below_threshold: "too few to show",
  not_yet_released: "not released yet",
  span_below_one_day: "shown after a day",
  not_modelled: "no model",
};

export const margin = (number) => Math.ceil((number.ci95[1] - number.ci95[0]) / 2);

export function show(number) {
  if (number.status === "published")
    return make("span", { title: `between ${count(number.ci95[0])} and ${count(number.ci95[1])}` },
      count(number.value), make("span", { class: "margin" }, ` ± ${count(margin(number))}`));
  return make("span", { class: "withheld" }, make("span", {}, WHY[number.reason] || "withheld"));
}

export function figure(label, number, note) {
  return make("div", { class: "figure" }, make("div", { class: "value" }, show(number)),
    make("div", { class: "label" }, label), note ? make("div", { class: "note" }, note) : null);
}

let cards = 0;
export function card(title, note, ...children) {
  const id = `card-${(cards += 1)}`;
  return make("section", { class: "card", "aria-labelledby": id }, make("h2", { id }, title),
    note ? make("p", { class: "note" }, note) : null, children);
}

export function table(summary, heads, rows, { open = false } = {}) {
  const body = rows.map((row) => make("tr", {}, row.map((cell, place) =>
    place ? make("td", { class: "number" }, cell) : make("th", { scope: "row" }, cell))));
  const head = heads.map((name, place) => make("th", { scope: "col", class: place ? "number" : "" }, name));
  return make("details", { open }, make("summary", {}, summary),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": summary },
      make("table", { class: "plain" }, make("thead", {}, make("tr", {}, head)), make("tbody", {}, body))));
}

export const legend = () => make("p", { class: "legend" },
  make("span", {}, make("i"), "estimate"), make("span", {}, make("i", { class: "band" }), "95 % interval"),
  make("span", {}, make("i", { class: "hatch" }), "withheld: not zero, but too few to show"));

export const problem = (refusal) => make("div", { class: "problem", role: "alert" },
  make("strong", {}, HEADS[refusal.status] || "This did not work."), make("p", {}, refusal.message));
const HEADS = {
  0: "No connection.", 401: "Please sign in again.", 403: "Your key does not read this.", 404: "There is nothing here.",
  410: "This was taken down.", 429: "Too many requests in this minute.", 503: "The server is busy. Try again in a moment.",
};
