// The page of a creator.
import { audienceCards } from "./audience.js";
import { authenticityCard, changesCard } from "./changes.js";
import { trend } from "./charts.js";
import { card, day, figure, make, minute, show, table } from "./elements.js";
import { idFromPath, link, start } from "./page.js";
import { download, get, optional, query } from "./session.js";

const id = idFromPath();
const own = `v1/creators/${encodeURIComponent(id)}`;

start(id, async () => {
  const creator = await get(own);
  document.title = `${creator.name || id} · Likewise`;
  const [followers, series, changes, likes, videos, authenticity, audience] = await Promise.all([
    optional(get(`${own}/followers`)), optional(get(`${own}/followers/timeseries?limit=200`)), optional(get(`${own}/followers/changes?limit=30`)),
    query({ creator_id: id, metrics: ["likes"] }), get(`${own}/videos?limit=50`),
    optional(get(`${own}/authenticity`)), audienceCards(id)]);
  const sum = likes.rows[0]?.metrics.likes;
  const top = make("div", { class: "figures" },
    followers ? figure("followers", followers.total, followers.total.as_of ? `as of ${minute(followers.total.as_of)}` : null) : null,
    sum ? figure(`likes of ${sum.covered} of ${likes.targets} videos`, sum,
      sum.covered < likes.targets ? "the others have too few to show, or no release yet" : null) : null);
  const cards = [card("Videos", "Newest first.", videoTable(videos.videos)), ...audience];
  if (series?.points.length) cards.unshift(card("Followers", null, trend("Followers", series.points.map((point) =>
    ({ at: point.total.as_of, number: point.total, smooth: point.smoothed })))));
  if (changes) cards.push(changesCard("followers", changes));
  if (authenticity) cards.push(authenticityCard(authenticity));
  return [make("h1", {}, creator.name || id),
    make("p", { class: "soft" }, `Creator ${id}. Followers are counted from ${day(creator.counted_from)}.`), top,
    make("div", { class: "actions" },
      make("button", { type: "button", onclick: () => download(`v1/query?creator_id=${encodeURIComponent(id)}&by=video&metrics=likes,favorites`, `${id}-videos.csv`) }, "Export the videos (CSV)"),
      make("a", { class: "button", href: link(`explore#creator_id=${encodeURIComponent(id)}`) }, "Explore")),
    make("div", { class: "cards" }, cards)];
});

function videoTable(videos) {
  if (!videos.length) return make("p", { class: "soft" }, "No video yet.");
  return table(`${videos.length} videos`, ["Video", "Posted", "Likes"], videos.map((video) => [
    make("a", { href: link(`videos/${encodeURIComponent(video.video_id)}`) }, video.title || video.video_id), day(video.posted_at), show(video.likes)]), { open: true });
}
