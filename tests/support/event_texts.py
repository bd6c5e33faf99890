"""Hypothesis strategies for batches of events as bytes: valid ones, and ones that are ambiguous."""

import json
from typing import Any

from hypothesis import strategies as st

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**30, 2**63, -(2**64), 0.5, 1e308, float("nan"), float("inf"), "\ud800", [[]] * 3])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
IDS = st.text("abXY09._~:-", min_size=1, max_size=8)
ODD_IDS = st.sampled_from(["", "a" * 128, "a" * 129, "a b", "{a}", "é", "a\n", "\x00", "account_id"])
ODD_TIMES = st.sampled_from(
    [
        *("2026-05-03T14:07:31.5+14:00", "2026-05-03T14:07:31.1234567Z", "2026-05-03 14:07:31Z"),
        *("2026-05-03T14:07:31", "2026-05-03t14:07:31z", "2026-02-30T00:00:00Z", "2026-05-03T24:00:00Z"),
        *("2026-05-03T23:59:60Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1777817251", ""),
        *("2026-05-03T14:07:31+24:00", "2026-05-03T14:07:31Z\n", "\u0662\u0660\u0662\u0666-05-03T14:07:31Z"),
    ]
)
VALUES = st.sampled_from(["25-34", "DE", "female", "\u00cele"])
ODD_VALUES = st.sampled_from(["", "x" * 64, "x" * 65, "\u00e9" * 64, "\U0001f600" * 64, "under-13"])
PROFILE = st.dictionaries(
    st.sampled_from(["age_band", "gender", "region", "language", "device"]), VALUES | ODD_VALUES, max_size=5
)
RIGHT = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["like", "unlike"]),
        "account_id": IDS,
        "video_id": IDS,
        "occurred_at": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    },
    optional={"profile": PROFILE, "visibility": st.sampled_from(["public", "private"])},
)
ODD_PROFILE = st.dictionaries(
    st.sampled_from(["age_band", "region", "device", "city", "fields", "tariff", "hour_of_day", "a b", ""]),
    VALUES | ODD_VALUES | JUNK,
    max_size=5,
)
NAMES = st.sampled_from(
    ["type", "account_id", "video_id", "occurred_at", "profile", "visibility", "extra", ""]
)
WRONG = st.builds(lambda event, name, value: {**event, name: value}, RIGHT, NAMES, JUNK | ODD_IDS | ODD_TIMES)
LACKING = st.builds(lambda event, name: {k: v for k, v in event.items() if k != name}, RIGHT, NAMES)
FRAGMENTS = st.sampled_from(
    [
        *(
            b"",
            b",",
            b":",
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b"\\",
            b" ",
            b"\t",
            b"\r",
            b"\n",
            b"\r\n",
            b"\n\n",
            b"},{",
        ),
        *(
            b"}\n{",
            b'"type":"like",',
            b',"type":"like"',
            b'"t\\u0079pe":"like",',
            b'"profile":{},',
            b"\\u0061",
        ),
        *(
            b'"profile":{"region":"DE"},',
            b'"region":"DE",',
            b"NaN",
            b"-Infinity",
            b"null",
            b"true",
            b"1e999",
            b"01",
        ),
        *(
            b"9" * 5000,
            b"[" * 20,
            b"[" * 5000,
            b'{"a":' * 5000,
            b"\\ud800",
            b"\\n",
            b"\x00",
            b"\x01",
            b"\x7f",
        ),
        *(
            b"\xef\xbb\xbf",
            b"\xff",
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xc2\xa0",
            b"\x0b",
            b"//",
            b"'",
            b"\xe2\x80\xa8",
        ),
    ]
)


def spell(event: Any, separators: tuple[str, str], *, escaped: bool) -> bytes:
    """Return a value as JSON."""
    text = json.dumps(event, separators=separators, ensure_ascii=escaped)
    return text.encode(errors="replace")  # half a surrogate pair can only be escaped


def repeat_member(event: dict[str, Any], name: str, value: Any) -> bytes:
    """Return an event that repeats a member, or has one more; quotes are escaped as code points."""
    more = json.dumps({name: value}).replace('\\"', "\\u0022")
    return spell(event, (",", ":"), escaped=True)[:-1] + f",{more[1:]}".encode()


SEPARATORS = st.sampled_from([(",", ":"), (",", ":"), (", ", ": "), (",\n", ":"), (",", "\n:")])
QUOTES = st.sampled_from([{"language": '"' * count} for count in (2, 4, 6)])
DOUBLED = st.builds(repeat_member, RIGHT, NAMES, st.sampled_from(["unlike", "a", {}]) | PROFILE | QUOTES)
SPELLED = st.builds(spell, RIGHT | RIGHT | WRONG | LACKING | JUNK, SEPARATORS, escaped=st.booleans())
ITEMS = SPELLED | DOUBLED
ODD_PROFILES = st.lists(
    st.builds(
        lambda event, profile, separators, escaped: spell(
            {**event, "profile": profile}, separators, escaped=escaped
        ),
        *(RIGHT, ODD_PROFILE, SEPARATORS.filter(lambda pair: "\n" not in "".join(pair)), st.booleans()),
    ),
    min_size=1,
    max_size=3,
).map(b"\n".join)
LINES = st.builds(
    lambda items, end, last: end.join(items) + last,
    st.lists(ITEMS, max_size=4),
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\n \n", b"", b",", b",\n"]),
    st.sampled_from([b"", b"\n", b"\n\n"]),
)
MIXED_LINES = st.lists(ITEMS | st.sampled_from([b"\n", b"\n", b" ", b""]), max_size=8).map(b"".join)
ARRAYS = st.builds(
    lambda items, glue: b"[" + glue.join(items) + b"]",
    st.lists(ITEMS, max_size=4),
    st.sampled_from([b",", b",", b" ,\n"]),
)


@st.composite
def damaged(draw: st.DrawFn, batches: st.SearchStrategy[bytes]) -> bytes:
    """A batch with up to three edits, most of them next to structural characters."""
    raw = draw(batches)
    for _ in range(draw(st.integers(0, 3))):
        joints = [place for place, byte in enumerate(raw) if byte in b'{}[],:"\n']
        place = draw(st.sampled_from(joints)) + draw(st.integers(0, 1)) if joints else 0
        raw = raw[:place] + draw(FRAGMENTS | st.binary(max_size=2)) + raw[place + draw(st.integers(0, 2)) :]
    return raw
