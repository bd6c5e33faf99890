// The first page: find a creator or a video.
import { count, make, show, table } from "./elements.js";
import { get, link, start } from "./page.js";

start("", async () => {
  const kind = make("select", { id: "kind" }, make("option", { value: "creators" }, "Creator"), make("option", { value: "videos" }, "Video"));
  const id = make("input", { id: "target", required: true, autocomplete: "off", spellcheck: "false" });
  const form = make("form", { class: "find" }, make("div", { class: "fields" },
    make("label", { for: "kind" }, "Find a", kind), make("label", { for: "target" }, "with the id", id)),
  make("div", {}, make("button", { class: "main", type: "submit" }, "Open")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.assign(link(`${kind.value}/${encodeURIComponent(id.value.trim())}`));
  });
  return [make("h1", {}, "Whose numbers?"), form, await listLatest()];
});

async function listLatest() {
  const found = await get("v1/videos?limit=20&sort=likes").catch(() => null);
  if (!found?.videos.length) return make("p", { class: "soft" }, "Your key reads single creators: open one of them.");
  const rows = found.videos.map((video) => [make("a", { href: link(`videos/${encodeURIComponent(video.video_id)}`) }, video.title || video.video_id),
    video.creator_id ? make("a", { href: link(`creators/${encodeURIComponent(video.creator_id)}`) }, video.creator_id) : "–", show(video.likes)]);
  return make("section", { class: "card" }, make("h2", {}, "Most liked"),
    make("p", { class: "note" }, `Of ${count(found.compared.videos)} videos. Neighbours may differ by noise alone.`),
    table("Videos", ["Video", "Creator", "Likes"], rows, { open: true }));
}
