"""The first policy that shipped: stores have targets that are bound to it, and it keeps its meaning."""

from pathlib import Path
from typing import Final

from privacy.policy.file import load_policy
from privacy.policy.policy import Policy

FIRST_POLICY_PATH: Final = Path(__file__).parent / "policies" / "first-default.toml"
FIRST_POLICY: Final[Policy] = load_policy(FIRST_POLICY_PATH)
