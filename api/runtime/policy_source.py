"""A policy together with the text that it was read from, which a store keeps."""

from dataclasses import dataclass
from pathlib import Path

from privacy.policy.file import DEFAULT_POLICY_PATH, parse_policy, read_policy_text
from privacy.policy.policy import Policy


@dataclass(frozen=True)
class PolicySource:
    """A policy and its text.

    Args:
        policy: the policy.
        text: content of its file.
        is_named: whether the operator named the file; otherwise it is the packaged one.
    """

    policy: Policy
    text: bytes
    is_named: bool


def read_policy(path: Path | None) -> PolicySource:
    """Reads a policy file, or the packaged one.

    Raises:
        PolicyError: it cannot be read, or breaks a rule.
    """
    is_named, path = path is not None, path or DEFAULT_POLICY_PATH
    text = read_policy_text(path)
    return PolicySource(parse_policy(text), text, is_named)
