// The page of a video.
import { changesCard } from "./changes.js";
import { bars, largest, trend } from "./charts.js";
import { card, figure, make, minute } from "./elements.js";
import { idFromPath, link, start } from "./page.js";
import { download, get, optional } from "./session.js";

const NAMES = { age_band: "Age", gender: "Gender", region: "Region", device: "Device", language: "Language" };
const id = idFromPath();
const own = `v1/videos/${encodeURIComponent(id)}`;

start(id, async () => {
  const video = await get(own);
  document.title = `${video.title || id} · Likewise`;
  const dimensions = await get(`v1/dimensions?version=${encodeURIComponent(video.policy_version)}`);
  const declared = dimensions.dimensions.map((one) => one.dimension).filter((name) => name in NAMES);
  const [series, changes, favorites, place, ...breakdowns] = await Promise.all([
    get(`${own}/likes/timeseries?limit=200`), get(`${own}/likes/changes?limit=30`), optional(get(`${own}/favorites`)),
    video.creator_id ? get(`${own}/benchmark`) : null,
    ...declared.map((name) => optional(get(`${own}/likes/breakdowns/${name}`)))]);
  const points = series.points.map((point) => ({ at: point.total.as_of, number: point.total, smooth: point.smoothed }));
  const now = series.points.length ? series.points[series.points.length - 1].total : changes.since_start.change;
  const next = now.next_release_at ? `next numbers ${minute(now.next_release_at)}` : "final";
  const cards = [card("Likes over time", null, trend("Likes", points)), placeCard(place), changesCard("likes", changes)].filter(Boolean);
  breakdowns.filter(Boolean).forEach((one) => {
    const cells = one.cells.map((cell) => ({ cell: cell.cell, number: cell.likes }));
    const from = dimensions.thresholds.like?.find((each) => each.statistic === one.dimension);
    const element = card(`${NAMES[one.dimension]} of those who like it`,
      `${from ? `A cell is shown from ${from.first_epoch} likes on in the first hour, and from ${from.last_epoch} in the end. ` : ""}Who does not say, or is private, is undisclosed.`,
      bars(NAMES[one.dimension], largest(cells)));
    element.classList.add("half");
    cards.push(element);
  });
  return [make("h1", {}, video.title || id),
    make("p", { class: "soft" }, `Video ${id}, posted ${minute(video.posted_at)}. `,
      video.creator_id ? make("a", { href: link(`creators/${encodeURIComponent(video.creator_id)}`) }, `By ${video.creator_id}`) : "",
      video.hashtags.length ? ` · ${video.hashtags.map((tag) => `#${tag}`).join(" ")}` : ""),
    make("div", { class: "figures" }, figure("likes", now, next), favorites ? figure("favourites", favorites.total) : null),
    make("div", { class: "actions" },
      make("button", { type: "button", onclick: () => download(`${own}/likes/timeseries?limit=200`, `${id}-likes.csv`) }, "Export (CSV)"),
      make("a", { class: "button", href: link(`explore#ids=${encodeURIComponent(id)}`) }, "Explore")),
    make("div", { class: "cards" }, cards)];
});

// Where the video stands among those of its creator, at the same age.
function placeCard(place) {
  if (place?.status !== "published") return null;
  const [low, high] = place.percentile_range.map(Math.round);
  return card("Among the creator's videos, at the same age", `${place.covered} videos are compared; ${place.withheld} have too few likes to show, ${place.younger} are younger.`,
    make("p", {}, `It has more likes than ${Math.round(place.percentile)} % of them`, low === high ? "." : ` (${low} to ${high} %, since some cannot be told apart).`));
}
