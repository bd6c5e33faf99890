"""What `likewise up` says when the system is ready: where it is, and what to try first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from api.cli.first_keys import FirstKeys

_PLACEHOLDER = "KEY"


@dataclass(frozen=True)
class Welcome:
    """A system that is ready.

    Args:
        public_url: of the public plane.
        platform_url: of the platform plane.
        keys: shown this once.
        video_id: one that there is something to see of; None in a system without any.
        pids: of its processes, by name.
    """

    public_url: str
    platform_url: str
    keys: FirstKeys
    video_id: str | None
    pids: dict[str, int]

    @property
    def docs_url(self) -> str:
        """Where the interactive docs are."""
        return f"{self.public_url}/docs"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "docs_url": self.docs_url}

    def text(self) -> str:
        """For people."""
        lines = ["", "Likewise is ready.", "", f"  docs      {self.docs_url}"]
        lines += [f"  public    {self.public_url}", f"  platform  {self.platform_url}", ""]
        return "\n".join([*lines, *self._key_lines(), *self._first_requests(), "", "Ctrl-C ends everything."])

    def _key_lines(self) -> list[str]:
        shown = [("public", self.keys.public), ("platform", self.keys.platform)]
        lines = [f"  {plane:8}  {token}" for plane, token in shown if token]
        if not lines:
            return ["The first keys were shown at the first start; `likewise keys create` makes others.", ""]
        return ["API keys, shown this once:", *lines, ""]

    def _first_requests(self) -> list[str]:
        read = f"curl -H 'Authorization: Bearer {self.keys.public or _PLACEHOLDER}' {self.public_url}/v1"
        if self.video_id:
            likes = f"{read}/videos/{self.video_id}/likes"
            return ["Try:", f"  {likes}", f"  {likes}/breakdowns/age_band", f"  {likes}/timeseries"]
        write = f"curl -H 'Authorization: Bearer {self.keys.platform or _PLACEHOLDER}'"
        return [
            "Try: register a video, send a like, ask for its likes (withheld: it is one account's).",
            f"  {write} -X PUT -H 'Content-Type: application/json' \\",
            f'    -d "{{\\"posted_at\\":\\"$(date -u +%FT%TZ)\\"}}" {self.platform_url}/v1/videos/v-1',
            f"  {write} -H 'Content-Type: application/json' \\",
            (
                '    -d "[{\\"type\\":\\"like\\",\\"account_id\\":\\"a-1\\",\\"video_id\\":\\"v-1\\",'
                f'\\"occurred_at\\":\\"$(date -u +%FT%TZ)\\"}}]" {self.platform_url}/v1/events'
            ),
            f"  {read}/videos/v-1/likes",
        ]
