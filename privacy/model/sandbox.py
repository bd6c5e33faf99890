"""The names of the sandbox's policies, targets and accounts, which never collide with real ones."""

from typing import Final

from privacy.errors import InvalidInputError
from privacy.model.identifier import MAX_IDENTIFIER_CHARACTERS
from privacy.model.timestamp import MS_PER_DAY

POLICY_SUFFIX: Final = ".sandbox"
"""Suffix of the version of a sandbox policy; no other version may end with it."""
TARGET_PREFIX: Final = "sandbox:"
"""Prefix of all public names in the sandbox; no real name may begin with it."""
PUBLISHED_LIFE_MS: Final = 7 * MS_PER_DAY
"""How long the gallery keeps what is published about a canary, after its latest release. Its entries in the
ledger stay."""
MAX_CHARACTERS: Final = MAX_IDENTIFIER_CHARACTERS - len(TARGET_PREFIX)

_ACCOUNT_PREFIX: Final = "sandbox/"
"""Contains a character that no external identifier may contain."""


def is_canary(target_id: str) -> bool:
    """Return whether this is the public name of a target in the sandbox."""
    return target_id.startswith(TARGET_PREFIX)


def sandbox_id(field: str, text: str) -> str:
    """Return the public name of a target in the sandbox.

    Args:
        field: name of the field in the API, for the message.
        text: the identifier.

    Raises:
        InvalidInputError: the identifier is too long for the prefix.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(
            field, f"has {len(text)} characters", f"at most {MAX_CHARACTERS} in the sandbox"
        )
    return TARGET_PREFIX + text


def sandbox_account(account_id: str) -> str:
    """Return the vault's name of an account in the sandbox, which no real account can have."""
    return _ACCOUNT_PREFIX + account_id
