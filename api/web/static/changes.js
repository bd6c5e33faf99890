// What came and what went: gains, losses by reason, and the same in sentences.
import { bars } from "./charts.js";
import { card, figure, make, minute, show, table } from "./elements.js";

const REASONS = {
  unliked: "taken back by people", inauthentic: "found to be bots", account: "accounts restricted, deleted or erased",
  policy: "removed under a rule", correction: "records corrected",
};

export function changesCard(noun, changes) {
  const { since_start: whole, days } = changes;
  const lost = Object.entries(whole.lost).map(([reason, number]) => ({ cell: REASONS[reason] || reason, number }));
  const rows = days.map((span) => [`${minute(span.from)} – ${minute(span.to)}`, show(span.change), show(span.gained),
    ...Object.keys(REASONS).map((reason) => (span.lost[reason] ? show(span.lost[reason]) : "–"))]);
  const sentences = changes.explanation.map((one) => make("li", {}, one.text));
  return card("What came and what went", `Gained ${noun} less all losses are what is left. Losses that are too few to show are deducted from the gains.`,
    make("div", { class: "figures" }, figure("left", whole.change), figure("gained", whole.gained)),
    make("h3", {}, "Lost, by reason"), bars("Reason", lost, { withTable: false }),
    sentences.length ? make("ul", { class: "sentences" }, sentences) : null,
    rows.length ? table("By day, as a table", ["Time", "Change", "Gained", ...Object.values(REASONS)], rows) : null);
}

export function authenticityCard(authenticity) {
  const parts = [["followers", authenticity.followers], ["likes of the videos", authenticity.likes]].filter(([, part]) => part?.now);
  return card("How much was inauthentic", "The share that the platform found to be bots and removed, of all that was ever counted. Shares are about published numbers only.",
    make("div", { class: "figures" }, parts.map(([noun, part]) => {
      const share = part.now.share_bps;
      const text = share.status === "published"
        ? make("span", {}, `${(share.value / 100).toFixed(1)} %`, make("span", { class: "margin" }, ` (${(share.ci95[0] / 100).toFixed(1)} to ${(share.ci95[1] / 100).toFixed(1)})`))
        : show(share);
      return make("div", { class: "figure" }, make("div", { class: "value" }, text), make("div", { class: "label" }, `of ${noun}`));
    })));
}
