// The part of a creator's page that is about different accounts, by period.
import { bars, crosses, largest, trend } from "./charts.js";
import { card, day, figure, make } from "./elements.js";
import { get, optional } from "./session.js";

const NAMES = { age_band: "Age", gender: "Gender", region: "Region", language: "Language", device: "Device" };

export async function audienceCards(creatorId) {
  const found = await optional(get(`v1/creators/${encodeURIComponent(creatorId)}/audience?limit=60`));
  if (!found) return [];
  const weeks = found.audiences.filter((one) => one.total && one.period === "P7D").reverse();
  const block = found.audiences.find((one) => one.breakdowns.length);
  const cards = [];
  if (weeks.length) {
    const last = weeks[weeks.length - 1];
    const reached = card("Accounts reached, by week",
      "Different accounts of which a like of any of the videos was first counted in that week. Weeks overlap: do not add them up.",
      make("div", { class: "figures" }, figure(`week from ${day(last.from)}`, last.total)),
      trend("Accounts", weeks.map((week) => ({ at: week.to, number: week.total })), { height: 240 }));
    cards.push(reached);
  }
  if (block) cards.push(...blockCards(block));
  else cards.push(card("Who was reached", "Breakdowns are measured over four weeks. The first ones have not been released yet."));
  return cards;
}

function blockCards(block) {
  const span = `${day(block.from)} to ${day(block.to)}`;
  const by = Object.fromEntries(block.breakdowns.map((one) => [one.dimension, one.cells.map((cell) => ({ cell: cell.cell, number: cell.accounts }))]));
  const cards = Object.entries(NAMES).filter(([name]) => by[name]).map(([name, title]) =>
    half(card(`${title} of the accounts`, span, bars(title, largest(by[name])))));
  if (by.hour_of_day) cards.push(half(card("Hour of the first like", `${span}; hours in UTC`, bars("Hour", by.hour_of_day))));
  if (by.age_gender) cards.push(half(card("Age and gender together", span, ageGender(by.age_gender))));
  return cards;
}

const half = (element) => { element.classList.add("half"); return element; };

function ageGender(cells) {
  const parts = cells.map(({ cell, number }) => ({ parts: cell.split("/"), number })).filter(({ parts: names }) => names.length === 2);
  const [rows, columns] = [0, 1].map((place) => [...new Set(parts.map(({ parts: names }) => names[place]))]);
  return crosses("Age", rows, columns, (row, column) => parts.find(({ parts: [one, other] }) => one === row && other === column)?.number);
}
