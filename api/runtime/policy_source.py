"""A policy together with the text that it was read from, which a store keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from privacy.errors import PolicyError
from privacy.policy.file import DEFAULT_POLICY_PATH, parse_policy
from privacy.policy.policy import Policy


@dataclass(frozen=True)
class PolicySource:
    """A policy and its text."""

    policy: Policy
    text: bytes


def read_policy(path: Path | None) -> PolicySource:
    """Reads a policy file, or the packaged one.

    Raises:
        PolicyError: it cannot be read, or breaks a rule.
    """
    path = path or DEFAULT_POLICY_PATH
    try:
        text = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read ({error.strerror}); a readable TOML file") from error
    return PolicySource(parse_policy(text), text)
