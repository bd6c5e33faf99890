// A query by clicking, with the request to copy.
import { bars, trend } from "./charts.js";
import { card, make, minute, problem, show, table } from "./elements.js";
import { start } from "./page.js";
import { credential, get, query, ROOT } from "./session.js";

const METRICS = { videos: ["likes", "likes_change", "likes_gained", "likes_lost", "favorites"], creators: ["followers", "audience"], hashtags: ["audience"], sounds: ["audience"], platform: ["audience"] };
const TARGETS = { videos: "video", creators: "creator", hashtags: "hashtag", sounds: "sound", platform: "platform" };
const SPANS = { "": "now", "time:day": "by day", "time:week": "by week", "time:epoch": "by release" };

start("Explore", async () => {
  const dimensions = (await get("v1/dimensions")).dimensions.map((one) => one.dimension);
  const asked = new URLSearchParams(location.hash.slice(1));
  const field = (name, label, element) => { element.id = element.name = name; return make("label", { for: name }, label, element); };
  const options = (pairs, chosen) => make("select", {}, pairs.map(([value, text]) => make("option", { value, selected: value === chosen }, text)));
  const subject = options(Object.keys(METRICS).map((name) => [name, name]), asked.get("subject") || "videos");
  const metric = make("select", {});
  const fill = () => metric.replaceChildren(...METRICS[subject.value].map((name) => make("option", { value: name }, name.replaceAll("_", " "))));
  subject.addEventListener("change", fill);
  fill();
  const form = make("form", {}, make("fieldset", {}, make("legend", {}, "Ask"), make("div", { class: "fields" },
    field("subject", "About", subject), field("metric", "Number", metric),
    field("ids", "Ids, or hashtags, separated by commas", make("input", { value: asked.get("ids") || "" })),
    field("creator_id", "Videos of a creator", make("input", { value: asked.get("creator_id") || "" })),
    field("hashtag", "Videos with a hashtag", make("input", { value: asked.get("hashtag") || "" })),
    field("each", "Rows for", options([["each", "each of them"], ["", "all together"], ["creator", "each creator"]], "each")),
    field("dimension", "Broken down by", options([["", "nothing"], ...dimensions.map((name) => [name, name.replaceAll("_", " ")])], "")),
    field("span", "Time", options(Object.entries(SPANS), "")))),
  make("div", { class: "actions" }, make("button", { class: "main", type: "submit" }, "Ask")));
  const answer = make("div", { class: "cards", "aria-live": "polite" });
  form.addEventListener("submit", (event) => { event.preventDefault(); ask(form, answer); });
  if (asked.get("ids") || asked.get("creator_id") || asked.get("hashtag")) queueMicrotask(() => ask(form, answer));
  return [make("h1", {}, "Explore"), make("p", { class: "soft" }, "One request answers each question. Copy it into your own tool."), form, answer];
});

function read(form) {
  const value = (name) => form.elements[name].value.trim();
  const subject = value("subject");
  const members = { subject, metrics: [value("metric")], by: [] };
  const ids = value("ids").split(",").map((one) => one.trim()).filter(Boolean);
  if (ids.length) members.ids = ids;
  else if (subject === "videos") ["creator_id", "hashtag"].forEach((name) => { if (value(name)) members[name] = value(name); });
  if (value("each")) members.by.push(value("each") === "each" ? TARGETS[subject] : "creator");
  ["dimension", "span"].forEach((name) => { if (value(name)) members.by.push(value(name)); });
  return members;
}

async function ask(form, answer) {
  const members = read(form);
  answer.replaceChildren(make("p", { class: "soft", role: "status" }, "Asking …"));
  try {
    const found = await query(members);
    answer.replaceChildren(result(members, found), request(members));
  } catch (refusal) {
    answer.replaceChildren(problem(refusal), request(members));
  }
}

function result(members, found) {
  const [metric] = members.metrics;
  const keys = ["video_id", "creator_id", "hashtag", "sound_id", "period", "epoch", "from", "to", "cell"].filter((name) => found.rows.some((row) => name in row));
  const name = (row) => keys.map((key) => (row[key] == null ? "rest" : ["from", "to"].includes(key) ? minute(row[key]) : String(row[key]))).join(" · ") || "all";
  const cells = found.rows.map((row) => ({ cell: name(row), number: row.metrics[metric], at: row.to || row.metrics[metric].as_of }));
  const isSeries = members.by.some((one) => one.startsWith("time:")) && new Set(cells.map((cell) => cell.at)).size === cells.length && !keys.includes("cell");
  const picture = isSeries ? trend(metric, cells) : cells.length <= 60 ? bars(metric, cells, { withTable: false }) : null;
  return card(metric.replaceAll("_", " "), `${found.rows.length} rows, ${found.targets} targets${found.complete ? "" : "; more are on further pages"}.`, picture,
    table("All rows", ["Row", metric, "in it", "released"], found.rows.map((row) => {
      const number = row.metrics[metric];
      return [name(row), show(number), String(number.covered), String(number.released)];
    }), { open: !picture }));
}

function request(members) {
  const body = JSON.stringify(members);
  const url = new URL("v1/query", ROOT).href;
  const key = credential()?.startsWith("lw_") ? "$LIKEWISE_KEY" : "$TOKEN";
  const curl = `curl -s ${url} -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" -d '${body.replaceAll("'", "'\\''")}'`;
  const python = `import os, requests\n\nanswer = requests.post(\n    ${JSON.stringify(url)},\n    json=${pythonLiteral(members)},\n    headers={"Authorization": f"Bearer {os.environ['LIKEWISE_KEY']}"},\n    timeout=10,\n)\nprint(answer.json()["rows"])`;
  return card("The request", null, make("h3", {}, "curl"), make("pre", { tabindex: "0" }, curl), make("h3", {}, "Python"), make("pre", { tabindex: "0" }, python));
}

// Texts and lists of texts are written alike in JSON and Python.
const pythonLiteral = (members) => JSON.stringify(members);
