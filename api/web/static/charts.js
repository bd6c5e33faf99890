// Draws numbers with their intervals. Each chart has a table that says the same.
import { count, legend, make, margin, minute, show, table } from "./elements.js";

const MOST = 9;
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const seconds = (text) => Date.parse(text) / 1000;

// A line with its band. Points: {at, number, smooth?}. Notes: {from, to, title}.
export function trend(label, points, { notes = [], height = 300 } = {}) {
  const holder = make("div", { class: "chart", role: "img", "aria-label": `${label} over time, with 95 % intervals; the table has all numbers.` });
  const shown = points.filter((point) => point.number.status === "published");
  const column = (take) => points.map((point) => (point.number.status === "published" ? take(point.number) : null));
  const smooth = points.map((point) => (point.smooth?.status === "published" ? point.smooth.value : null));
  const hasSmooth = smooth.some((value) => value !== null);
  if (shown.length) queueMicrotask(() => draw(holder, label, points, column, hasSmooth ? smooth : null, notes, height));
  else holder.replaceChildren(make("p", {}, make("span", { class: "withheld" }, make("span", {}, "No number to draw yet"))),
    make("p", { class: "note" }, "The numbers are below the smallest one that is shown, or not released yet. That is not zero."));
  const rows = points.map((point) => [minute(point.at), show(point.number), hasSmooth ? show(point.smooth) : null].filter(Boolean));
  return make("div", {}, holder, shown.length ? legend() : null,
    table("All numbers as a table", ["Until", label, ...(hasSmooth ? ["Smoothed (a model)"] : [])], rows));
}

function draw(holder, label, points, column, smooth, notes, height) {
  const line = colour("--main"), soft = colour("--soft"), grid = colour("--line");
  const axis = { stroke: soft, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid } };
  const options = {
    width: holder.clientWidth, height, cursor: { drag: { x: false, y: false } },
    scales: { x: { time: true } },
    axes: [axis, { ...axis, size: 64, values: (_, values) => values.map(count) }],
    series: [
      { label: "Until", value: (_, value) => (value == null ? "–" : minute(value * 1000)) },
      { label, stroke: line, width: 2, points: { size: 5 }, value: (_, value) => (value == null ? "–" : count(value)) },
      { label: "from", stroke: "transparent", points: { show: false }, value: (_, value) => (value == null ? "–" : count(value)) },
      { label: "to", stroke: "transparent", points: { show: false }, value: (_, value) => (value == null ? "–" : count(value)) },
      ...(smooth ? [{ label: "smoothed", stroke: colour("--second"), width: 1.5, dash: [5, 4], points: { show: false } }] : []),
    ],
    bands: [{ series: [3, 2], fill: colour("--band") }],
    hooks: { drawClear: [(chart) => hatch(chart, points)], draw: [(chart) => mark(chart, notes)] },
    tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1000), "Etc/UTC"),
  };
  const data = [points.map((point) => seconds(point.at)), column((number) => number.value), column((number) => number.ci95[0]),
    column((number) => number.ci95[1]), ...(smooth ? [smooth] : [])];
  const chart = new uPlot(options, data, holder);
  new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height })).observe(holder);
}

// Time in which the number is withheld is hatched.
function hatch(chart, points) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  points.forEach((point, place) => {
    if (point.number.status === "published") return;
    const left = place ? chart.valToPos(seconds(points[place - 1].at), "x", true) : bbox.left;
    ctx.rect(left, bbox.top, chart.valToPos(seconds(point.at), "x", true) - left, bbox.height);
  });
  ctx.clip();
  ctx.strokeStyle = colour("--hatch");
  ctx.beginPath();
  for (let x = bbox.left - bbox.height; x < bbox.left + bbox.width; x += 10) {
    ctx.moveTo(x, bbox.top + bbox.height);
    ctx.lineTo(x + bbox.height, bbox.top);
  }
  ctx.stroke();
  ctx.restore();
}

function mark(chart, notes) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--bad");
  ctx.setLineDash([4, 4]);
  for (const note of notes) {
    const x = chart.valToPos(seconds(note.from), "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(note.title, x + 6, bbox.top + 14);
  }
  ctx.restore();
}

// Bars of the cells of a breakdown, with their intervals. Cells: {cell, number}.
export function bars(label, cells, { withTable = true } = {}) {
  const shown = cells.filter(({ number }) => number.status === "published");
  if (!shown.length)
    return make("p", {}, make("span", { class: "withheld" }, make("span", {}, "every cell is too small to show")));
  const largest = Math.max(1, ...shown.map(({ number }) => number.ci95[1]));
  const percent = (value) => `${(100 * Math.max(0, value)) / largest}%`;
  const items = cells.flatMap(({ cell, number }) => {
    const track = make("span", { class: "track" });
    if (number.status === "published") {
      const fill = make("span", { class: "fill" }), range = make("span", { class: "range" });
      fill.style.width = percent(number.value);
      range.style.left = percent(number.ci95[0]);
      range.style.width = `calc(${percent(number.ci95[1])} - ${percent(number.ci95[0])})`;
      track.append(fill, range);
    } else track.append(make("span", { class: "none" }));
    return [make("span", {}, cell), track, make("span", { class: "amount" }, show(number))];
  });
  return make("div", {}, make("div", { class: "bars", role: "img", "aria-label": `${label}; the table has all numbers.` }, items),
    withTable ? table("As a table", [label, "Estimate"], cells.map(({ cell, number }) => [cell, show(number)])) : null);
}

// The cells that are worth a bar: all of few; of many, the largest.
export function largest(cells) {
  if (cells.length <= MOST) return cells;
  const place = ({ number }) => (number.status === "published" ? -number.value : 1);
  return [...cells].sort((one, other) => place(one) - place(other)).slice(0, MOST);
}

// A grid of two dimensions: rows × columns.
export function crosses(label, rows, columns, find) {
  const shown = rows.flatMap((row) => columns.map((column) => find(row, column))).filter((number) => number?.status === "published");
  const largest = Math.max(1, ...shown.map((number) => number.value));
  const body = rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row), columns.map((column) => {
    const number = find(row, column);
    if (number?.status !== "published") return make("td", { class: "none", title: "too few to show" }, "withheld");
    const cell = make("td", { title: `± ${count(margin(number))}` }, count(number.value));
    cell.style.background = `color-mix(in srgb, var(--main) ${Math.round(8 + (47 * number.value) / largest)}%, var(--card))`;
    return cell;
  })));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
    make("table", { class: "grid" }, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, label), columns.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, body)));
}
