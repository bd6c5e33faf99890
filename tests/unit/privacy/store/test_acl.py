"""ACL users as values: what they accept, and the rules and file that they become."""

import hashlib
from typing import Any

import pytest

from privacy.store.acl import AclUser, Grant, Room, acl_file

READER = AclUser(
    name="reader",
    purpose="reads",
    rooms=(Room.GALLERY,),
    keyless=("ping", "client|setinfo"),
    grants=(Grant(("g:*",), ("get", "mget"), read_only=True), Grant(("l:*", "m:*"), ("incrby",))),
)


def test_each_grant_is_a_selector_of_its_own() -> None:
    """A command of one grant is not joined to the keys of another."""
    assert READER.rules == ("-@all", "+ping", "+client|setinfo", "(%R~g:* +get +mget)", "(~l:* ~m:* +incrby)")


def test_the_file_holds_hashes_and_switches_default_off() -> None:
    """An ACL file that leaks gives away no password, and a client without one gets nothing."""
    text = acl_file([READER], {"reader": "open sesame"})
    digest = hashlib.sha256(b"open sesame").hexdigest()
    assert text.splitlines() == [
        "user default resetpass off ~* &* +@all",
        f"user reader on resetchannels #{digest} {' '.join(READER.rules)}",
    ]


@pytest.mark.parametrize(
    ("keys", "commands"),
    [
        ((), ("get",)),
        (("g:* allkeys",), ("get",)),
        (("g:*) (~*",), ("get",)),
        (("",), ("get",)),
        (("g:*",), ()),
        (("g:*",), ("@all",)),
        (("g:*",), ("get +set",)),
        (("g:*",), ("GET",)),
    ],
)
def test_a_grant_cannot_smuggle_in_another_rule(keys: tuple[str, ...], commands: tuple[str, ...]) -> None:
    """A pattern or command that would read as more than one rule, or as a category, is refused."""
    with pytest.raises(ValueError, match=r"must be|allows nothing"):
        Grant(keys, commands)


@pytest.mark.parametrize(
    "change",
    [{"name": "default"}, {"name": "Reader"}, {"name": "a b"}, {"rooms": ()}, {"keyless": ("+@all",)}],
    ids=repr,
)
def test_a_user_checks_its_own_values(change: dict[str, Any]) -> None:
    """A user with a name, room or command that Redis would read otherwise cannot be made."""
    values = {"name": "a", "purpose": "", "rooms": (Room.PRIVATE,), "keyless": (), "grants": ()}
    with pytest.raises(ValueError, match=next(iter(change)).replace("keyless", "commands")):
        AclUser(**(values | change))
