"""Holds the members that the platform plane promises in its answers to staff, as openapi.yaml has them."""

from collections.abc import Mapping
from typing import Any, Final

_RECOUNT: Final = {"known": bool, "result": str, "counted": int, "uncounted": int}
_CHOICE: Final = {**_RECOUNT, "status_before": str}
_ERASURE: Final = {
    **dict.fromkeys(("receipt_id", "erased_at", "closed_until", "backups_gone_by"), str),
    **dict.fromkeys(("engagements", "counted"), int),
}
_RESYNC: Final = (
    *("account_closed", "added", "newer", "over_cap", "past_last_release"),
    *("removed", "unchanged", "uncounted", "unknown_target"),
)

PROMISED: Final[Mapping[str, Mapping[str, type]]] = {
    "/v1/moderation/accounts": _RECOUNT,
    "/v1/moderation/targets": {"result": str},
    "/v1/moderation/engagements": {"results": list},
    "/v1/moderation/resyncs": dict.fromkeys(_RESYNC, int),
    "/v1/rights/erasures": _ERASURE,
    "/v1/rights/children": _ERASURE,
    "/v1/rights/objections": _CHOICE,
    "/v1/rights/opt-outs": _CHOICE,
}
"""Types of the members of an answer, by the path of the operation."""


def find_broken_promise(path: str, document: Mapping[str, Any]) -> str | None:
    """Returns the name of a member that an answer to `path` lacks or has with another type."""
    promised = PROMISED[path]
    return next((name for name, kind in promised.items() if not isinstance(document.get(name), kind)), None)
