"""Side doors: metrics of both planes and, where the reviewer has them, logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from privacy.audit.black_box.context import Attack, CampaignContext
from privacy.audit.report_model import Finding, Section

_LABEL: Final = r'(?:operation="[a-z_]{1,64}"|status="[1-5][0-9]{2}"|le="(?:[0-9.e+-]+|\+Inf)")'
ABOUT_REQUESTS: Final = re.compile(
    r"likewise_http_request(?:s|_seconds)_(?:total|created|bucket|count|sum)"
    rf"(?:\{{{_LABEL}(?:,{_LABEL})*\}})? [0-9.e+-]+"
)
"""The one form of a sample: operation, status and time of requests, and nothing else."""


@dataclass
class SideChannelAttack(Attack):
    """The attacks.

    Args:
        ground: of the campaign.
        logs: folder with the deployment's logs; None where the reviewer has none.
        secrets: texts that no log may hold: the keys in use.
    """

    ground: CampaignContext
    logs: Path | None
    secrets: Sequence[str] = field(repr=False)

    def judge(self, landed: Sequence[int]) -> Sequence[Section]:  # noqa: ARG002 - an Attack's
        """Read everything, and look for what should not be there."""
        findings = [self._metrics(plane, text) for plane, text in self.ground.deployment.metrics().items()]
        if self.logs is not None:
            findings.append(self._logs(self.logs))
        if not findings:
            findings.append(
                Finding("metrics and logs", "to be read", "neither plane shows metrics", passed=True)
            )
        section = Section(
            key="side-doors",
            title="Leakage in metrics and logs",
            tried="The metrics of both planes, line by line"
            + (", and every byte of the log files." if self.logs else ". No log folder was given."),
            breaks="A sample is about anything but requests, or a name of an account, a video or a key "
            "stands in a log.",
            confidence="Certain: the texts are compared. No false alarms.",
            findings=tuple(findings),
        )
        return [section]

    def _metrics(self, plane: str, text: bytes) -> Finding:
        strange = strange_samples(text.decode(errors="replace"))
        return Finding(
            what=f"metrics of the {plane} plane",
            required="operation, status and time of requests only",
            found=f"{len(strange)} other samples" + "".join(f"; {line[:80]}" for line in strange[:3]),
            passed=not strange,
        )

    def _logs(self, folder: Path) -> Finding:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        wanted = [self.ground.run, *(secret.rpartition("_")[2] for secret in self.secrets)]
        held = list(_files_with(files, wanted))
        return Finding(
            what=f"{len(files)} log files",
            required="no account, video or key of this campaign",
            found=f"{len(held)} files hold one" + "".join(f"; {path.name}" for path in held[:3]),
            passed=bool(files) and not held,
        )


def strange_samples(exposition: str) -> list[str]:
    """Samples of a Prometheus exposition that are about anything but requests."""
    samples = (line for line in exposition.splitlines() if line and not line.startswith("#"))
    return [sample for sample in samples if not ABOUT_REQUESTS.fullmatch(sample)]


def _files_with(files: Sequence[Path], texts: Sequence[str]) -> Iterator[Path]:
    for path in files:
        content = path.read_bytes()
        if any(text.encode() in content for text in texts):
            yield path
