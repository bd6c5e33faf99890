"""Identifiers and times of a batch: checked like one by one, and an invalid one is never missed."""

from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.platform.batch import NDJSON, Batch
from api.platform.event_decoder import EventDecoder, are_public_ids, parse_timestamps_ms
from privacy.errors import InvalidInputError
from privacy.model.identifier import check_identifier
from privacy.model.sandbox import TARGET_PREFIX
from privacy.model.timestamp import format_timestamp, parse_timestamp_ms
from tests.support.profiles import examples

TIMES = [format_timestamp(moment_ms) for moment_ms in (-62_135_596_800_000, -1, 0, 1_777_817_251_123)]
LEAP_SECOND = "2016-12-31T23:59:60Z"
NO_TIMES = [
    "",
    "2026-05-03",
    "2026-02-30T00:00:00Z",
    "2026-05-03T24:00:00Z",
    "1970-01-01T00:00:00Z\n",
    "2026-05-03T23:00:00+24:00",
]
TWO_TIMES = "1970-01-01T00:00:00Z\n1970-01-01T00:00:00Z"


@given(
    texts=st.lists(
        st.sampled_from([*TIMES, LEAP_SECOND]) | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
    )
)
def test_many_times_are_parsed_like_single_ones(texts: list[str]) -> None:
    """Parsing many gives the same as parsing each."""
    assert parse_timestamps_ms(texts).tolist() == [parse_timestamp_ms(text) for text in texts]


@given(texts=st.lists(st.sampled_from(TIMES)), bad=st.sampled_from([*NO_TIMES, TWO_TIMES]), data=st.data())
def test_one_wrong_time_among_many_is_refused(texts: list[str], bad: str, data: st.DataObject) -> None:
    """A text that alone is refused is refused among others, at any index."""
    place = data.draw(st.integers(0, len(texts)))
    with pytest.raises(ValueError, match=r"time|Invalid|range|hour"):
        parse_timestamps_ms([*texts[:place], bad, *texts[place:]])


OF_ONE_DAY = st.builds(
    "2026-05-{}T{:02d}:{:02d}:{:02d}{}Z".format,
    st.sampled_from(["03", "03", "03", "31", "32"]),
    st.integers(0, 25),
    st.integers(0, 61),
    st.integers(0, 61),
    st.sampled_from(["", ".000", ".5", ".250", ".999", ".123456", ".1234567", ".123456789"]),
)


@settings(max_examples=examples(200, 5_000))
@given(
    texts=st.lists(
        st.one_of(
            OF_ONE_DAY,
            st.tuples(
                OF_ONE_DAY, st.integers(0, 23), st.sampled_from(["", "x", "/", ":", "\n", "²", "00"])
            ).map(lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]),
        ),
        max_size=6,
    )
)
@example(texts=["2026-05-03T14:07:60Z"])
@example(texts=["2026-05-03T23:59:59.250Z", "2026-05-03T23:59:60.250Z", "2026-05-04T00:00:00Z"])
@example(texts=["2026-05-03T23:59:60Z", "2026-05-03T14:07:60Z"])
@example(texts=["2026-05-03t14:07:31z", "2026-05-03T14:07:31.123456789z"])
@example(texts=["2026-05-03t14:07:31z", "2026-05-03T24:00:00.000Z"])
@example(texts=["2026-05-03T14:60:00.250Z"])
@example(texts=["2026-05-03T24:00:00Z", "2026-05-03T00:00:00Z"])
@example(texts=["2026-05-03T14:07:3:.250Z"])
@example(texts=["2026-05-03T14:07:3/.250Z"])
@example(texts=["2026-05-03T14:07:31.250Z2026-05-03T14:07:31Z", ""])
@example(texts=["2026-05-03T14:07:31.250Z\n", "2026-05-03T14:07:3.25Z"])
def test_times_of_one_day_are_read_together_as_one_by_one(texts: list[str]) -> None:
    """Many times at once give the same as each alone, or are refused if one of them is."""
    try:
        expected = [parse_timestamp_ms(text) for text in texts]
    except ValueError:
        with pytest.raises(ValueError, match=r"\S"):
            parse_timestamps_ms(texts)
    else:
        assert parse_timestamps_ms(texts).tolist() == expected


def test_a_batch_with_leap_seconds_is_decoded_together() -> None:
    """The batches of the moment in which a leap second is are as fast as those around it."""
    like = b'{"type":"like","account_id":"a","video_id":"v","occurred_at":"%s"}'
    lines = b"\n".join(like % text.encode() for text in (*TIMES, LEAP_SECOND, LEAP_SECOND))
    decoder = EventDecoder()
    with patch.object(decoder, "decode_with_schema", side_effect=AssertionError):
        events = decoder.decode(Batch(lines, NDJSON))
    assert events.at_ms.tolist()[-2:] == [1_483_228_800_000] * 2


RIGHT = st.sampled_from(
    ["a", "~", "...", ".a", "a.", "x" * 128, "video-0001", "sandbox", "a.sandbox:b", "Z_:9"]
)
ODD = st.sampled_from(
    ["", ".", "..", "x" * 129, "a b", "a\n", "\n", "a\nb", "é", "\ud800", "{a}", "a\x00", "/"]
)


def is_identifier(text: str) -> bool:
    """Return whether a text is an identifier."""
    try:
        return check_identifier("id", text) == text
    except InvalidInputError:
        return False


@given(columns=st.lists(st.lists(RIGHT | ODD | st.text(max_size=3), max_size=4), max_size=3))
def test_many_identifiers_are_checked_as_one_by_one(columns: list[list[str]]) -> None:
    """All are identifiers exactly if each of them is."""
    each = all(is_identifier(text) for column in columns for text in column)
    assert are_public_ids(*columns) == each


@pytest.mark.parametrize("wrong", ["", ".", "..", "x" * 129, "a\nb", "a b", f"{TARGET_PREFIX}a"])
@pytest.mark.parametrize("place", range(3))
def test_one_wrong_identifier_among_many_is_noticed(wrong: str, place: int) -> None:
    """It is found at any index, as is one that belongs to the sandbox."""
    texts = ["a", "b"]
    assert are_public_ids(["c"], texts)
    texts.insert(place, wrong)
    assert not are_public_ids(["c"], texts)
