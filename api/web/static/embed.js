// A card of one video, for pages of others. The credential is behind the # of its address.
import { trend } from "./charts.js";
import { card, figure } from "./elements.js";
import { idFromPath, start } from "./page.js";
import { get } from "./session.js";

const id = idFromPath();
const own = `v1/videos/${encodeURIComponent(id)}`;

start(id, async () => {
  const [video, series] = await Promise.all([get(own), get(`${own}/likes/timeseries?limit=200`)]);
  const points = series.points.map((point) => ({ at: point.total.as_of, number: point.total }));
  return [card(video.title || id, null, points.length ? figure("likes", points[points.length - 1].number) : null, trend("Likes", points, { height: 180 }))];
});
