// Reads a running server with types that are generated from openapi.yaml: npm run generate && npm run build && npm start
import createClient from "openapi-fetch";
import type { paths } from "./schema.js";

const client = createClient<paths, "application/json" | "application/problem+json">({
  baseUrl: process.env.LIKEWISE_URL ?? "http://127.0.0.1:8080",
  headers: { Authorization: `Bearer ${process.env.LIKEWISE_KEY}` },
});

const { data, error } = await client.POST("/v1/query", {
  body: { hashtag: "baking", metrics: ["likes"], by: ["video"] },
});
if (error) throw new Error(`${error.status}: ${error.detail}`);
for (const row of data.rows) {
  const likes = row.metrics.likes;
  console.log(row.video_id, likes?.value ?? likes?.reason);
}

const several = await client.GET("/v1/videos", { params: { query: { ids: ["shown", "few"] } } });
if (several.error) throw new Error(several.error.detail);
console.log(several.data.videos.length, "videos by their ids");
