"""Names of keys: shards in hash tags, and no two lists of parts in one name."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.store import keys

PARTS = st.lists(st.text(min_size=1), min_size=1, max_size=4).map(tuple)


def test_names_are_those_of_the_layout() -> None:
    """Each family has the prefix and the hash tag that its scripts and its ACL rules rely on."""
    assert keys.register_prefix(3) == "v:{a3}:r0:"
    assert keys.register_prefix(3, generation=7) == "v:{a3}:r7:"
    assert keys.tally_prefix(7, "log") == "t:{t7}:log:"
    assert keys.outbox_key(0) == "v:{a0}:outbox"
    assert keys.tally_key(7, "x", 12) == "t:{t7}:x:12"
    assert keys.platform_key("keys", "k1") == "p:keys:k1"
    assert keys.gallery_key("target", "v-1.2_~") == "g:target:v-1.2_~"
    assert keys.gallery_key("current", "v-1.2_~", "like") == "g:current:{g2}:v-1.2_~:like"


@given(PARTS)
def test_ids_from_outside_cannot_move_a_key_to_another_slot(parts: tuple[str, ...]) -> None:
    """Whatever an id holds, a name has no braces but those of its shard's tag, and is printable ASCII."""
    name = keys.tally_key(5, *parts)
    assert re.fullmatch(r"t:\{t5\}:[A-Za-z0-9_.~%:-]+", name)


@given(PARTS, PARTS)
def test_different_parts_have_different_names(left: tuple[str, ...], right: tuple[str, ...]) -> None:
    """A colon inside a part is not the colon between two parts."""
    assert (keys.gallery_key(*left) == keys.gallery_key(*right)) == (left == right)


@pytest.mark.parametrize("parts", [(), ("",), ("a", "")])
def test_a_name_without_parts_is_refused(parts: tuple[str, ...]) -> None:
    """An empty id can never stand for a whole family of keys."""
    with pytest.raises(ValueError, match="non-empty"):
        keys.platform_key(*parts)
