"""Searches side channels: the metrics of both planes and, if the reviewer has them, logs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.report_model import Finding, Section

_LABEL: Final = r'(?:operation="[a-z_]{1,64}"|status="[1-5][0-9]{2}"|le="(?:[0-9.e+-]+|\+Inf)")'
REQUEST_SAMPLE: Final = re.compile(
    r"likewise_http_request(?:s|_seconds)_(?:total|created|bucket|count|sum)"
    rf"(?:\{{{_LABEL}(?:,{_LABEL})*\}})? [0-9.e+-]+"
)
"""The only allowed form of a sample: operation, status and duration of requests."""


@dataclass
class SideChannelAttack(Attack):
    """The attacks on metrics and logs.

    Args:
        context: of the campaign.
        logs: folder of the deployment's logs; None if the reviewer has none.
        secrets: the keys in use, which no log may contain.
    """

    key = "side-channels"
    title = "Leakage in metrics and logs"

    context: CampaignContext
    logs: Path | None
    secrets: Sequence[str] = field(repr=False)

    def evaluate(self, counted_epochs: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Searches metrics and logs for anything that is not about requests."""
        findings = [
            self._check_metrics(plane, text) for plane, text in self.context.deployment.metrics().items()
        ]
        if self.logs is not None:
            findings.append(self._check_logs(self.logs))
        if not findings:
            findings.append(
                Finding("metrics and logs", "none to check", "neither plane exposes metrics", passed=True)
            )
        section = Section(
            key=self.key,
            title=self.title,
            tried="The metrics of both planes, line by line"
            + (", and every byte of the log files." if self.logs else ". No log folder was given."),
            breaks="A sample that is not about requests, or the id of an account or video or a key in a log.",
            confidence="Certain: texts are compared. False alarms are impossible.",
            findings=tuple(findings),
        )
        return [section]

    def _check_metrics(self, plane: str, text: bytes) -> Finding:
        unexpected = find_unexpected_samples(text.decode(errors="replace"))
        return Finding(
            what=f"metrics of the {plane} plane",
            required="operation, status and duration of requests only",
            found=f"{len(unexpected)} other samples" + "".join(f"; {line[:80]}" for line in unexpected[:3]),
            passed=not unexpected,
        )

    def _check_logs(self, folder: Path) -> Finding:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        texts = [self.context.run, *(secret.rpartition("_")[2] for secret in self.secrets)]
        matching = list(_files_with(files, texts))
        return Finding(
            what=f"{len(files)} log files",
            required="no account, video or key of this campaign",
            found=f"{len(matching)} files contain one" + "".join(f"; {path.name}" for path in matching[:3]),
            passed=bool(files) and not matching,
        )


def find_unexpected_samples(exposition: str) -> list[str]:
    """Returns the samples of a Prometheus exposition that are not about requests."""
    samples = (line for line in exposition.splitlines() if line and not line.startswith("#"))
    return [sample for sample in samples if not REQUEST_SAMPLE.fullmatch(sample)]


def _files_with(files: Sequence[Path], texts: Sequence[str]) -> Iterator[Path]:
    for path in files:
        content = path.read_bytes()
        if any(text.encode() in content for text in texts):
            yield path
