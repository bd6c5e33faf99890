"""The sandbox: how its policies, targets and accounts are named, so that they never meet real ones."""

from __future__ import annotations

from typing import Final

from privacy.errors import InvalidInputError
from privacy.model.identifier import MAX_IDENTIFIER_CHARACTERS

POLICY_SUFFIX: Final = ".sandbox"
"""What the sandbox's policy has after the version that it follows; no other version may end so."""
TARGET_PREFIX: Final = "sandbox:"
"""What the name of everything public in the sandbox begins with; nothing real may begin so."""
MAX_CHARACTERS: Final = MAX_IDENTIFIER_CHARACTERS - len(TARGET_PREFIX)

_ACCOUNT_PREFIX: Final = "sandbox/"
"""Holds a character that no identifier from outside may have."""


def sandbox_id(field: str, text: str) -> str:
    """Name a thing of the sandbox as the public plane does.

    Args:
        field: its name as the sender spells it, for the message.
        text: an identifier.

    Raises:
        InvalidInputError: it is too long for the prefix.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidInputError(
            field, f"has {len(text)} characters", f"at most {MAX_CHARACTERS} in the sandbox"
        )
    return TARGET_PREFIX + text


def sandbox_account(account_id: str) -> str:
    """Name an account of the sandbox to the vault: as no real account can be named."""
    return _ACCOUNT_PREFIX + account_id
