"""Attacks on the platform plane, and odd input that is right to take. Add a line where yours belongs."""

import gzip
import json
from typing import Any, Final

from tests.attacks.attack import Attack
from tests.support.platform_plane import NDJSON, ago

EVENTS, VIDEOS, VIDEO = "/v1/events", "/v1/videos", "/v1/videos/v-attacked"
LINES: Final = {"Content-Type": NDJSON}
GZIP: Final = {"Content-Encoding": "gzip"}
MARKS = "x" + "\u0301" * 60_000 + "\u0316" * 60_000
COUNTED: Final = {"verdicts": {"counted": 1, "invalid": 0}}
AS_SENT: Final = {**COUNTED, "taken_as": None}
INVALID: Final = {"verdicts": {"counted": 0, "invalid": 1}}
CREATED: Final = {"verdicts": {"created": 1, "invalid": 0}}
NOT_CREATED: Final = {"verdicts": {"created": 0, "invalid": 1}}


def event(account_id: str, **changes: Any) -> bytes:
    """A like of the registered video."""
    like = {"type": "like", "account_id": account_id, "video_id": "v-1", "occurred_at": ago(60)}
    return json.dumps(like | changes).encode()


def video(video_id: str, **changes: Any) -> bytes:
    """A batch of one video."""
    return b"[" + json.dumps({"video_id": video_id, "posted_at": ago(3600)} | changes).encode() + b"]"


def taken(field: str, taken_as: str) -> dict[str, Any]:
    """A counted event of which one value was taken otherwise than it was sent."""
    return {**COUNTED, "taken_as": [{"field": field, "taken_as": taken_as, "items": 1}]}


def like(name: str, answer: dict[str, Any], **changes: Any) -> Attack:
    """An event by an account of its own."""
    account_id = "a" + "".join(filter(str.isalnum, name.encode("ascii", "ignore").decode()))
    return Attack(name, EVENTS, event(account_id, **changes), 200, answer, headers=LINES)


TIMES = (
    like("time of Go, 9 digits", COUNTED, occurred_at="2026-05-03T14:06:55.123456789Z"),
    like("time of .NET, 7 digits", COUNTED, occurred_at="2026-05-03T14:06:55.1234567Z"),
    like("time of 5,000 digits", COUNTED, occurred_at=f"2026-05-03T14:06:55.{'1' * 5000}Z"),
    like("time in lower case", COUNTED, occurred_at="2026-05-03t14:06:55z"),
    like("a leap second", AS_SENT, occurred_at="2026-05-02T23:59:60Z"),
    like("half of a leap second, in another zone", AS_SENT, occurred_at="2026-05-03T08:59:60.5+09:00"),
    like("a second 60 in the middle of a day", INVALID, occurred_at="2026-05-03T13:59:60Z"),
    like("second 61", INVALID, occurred_at="2026-05-02T23:59:61Z"),
    like("hour 24", INVALID, occurred_at="2026-05-03T24:00:00Z"),
    like("minute 60 of a zone", INVALID, occurred_at="2026-05-03T14:06:55+00:60"),
    like("clock 290 s ahead", taken("occurred_at", "the time of arrival"), occurred_at=ago(-290)),
    like("clock 8 min ahead", INVALID, occurred_at=ago(-480)),
)
PROFILES = (
    like("a region that is not listed", taken("profile.region", "other"), profile={"region": "FI"}),
    like("an unknown region", taken("profile.region", "other"), profile={"region": "ZZ"}),
    like("UK for GB", taken("profile.region", "GB"), profile={"region": "UK"}),
    like("a language with its region", taken("profile.language", "pt"), profile={"language": "pt-BR"}),
    like("a device in another case", taken("profile.device", "android"), profile={"device": "Android"}),
    like("a gender that is not listed", taken("profile.gender", "other"), profile={"gender": "non-binary"}),
    like("null age", AS_SENT, profile={"age_band": None}),
    like("null profile", AS_SENT, profile=None),
    like("null visibility", AS_SENT, visibility=None),
    like("null creation", AS_SENT, account_created_at=None),
    like("null network", AS_SENT, network=None),
    like("null creator", AS_SENT, creator_id=None),
    like("an empty text for the creator of a like", taken("creator_id", "absent"), creator_id=""),
    like("an empty text for the creation", taken("account_created_at", "absent"), account_created_at=""),
    like("a word for the creation", taken("account_created_at", "absent"), account_created_at="yesterday"),
    like("a number for the creation", taken("account_created_at", "absent"), account_created_at=1777817251),
    like("a number for the network", taken("network", "absent"), network=5),
    like("an empty list for the profile", taken("profile", "undisclosed"), profile=[]),
    like("an empty text for the profile", taken("profile", "undisclosed"), profile=""),
    like("a profile in a text", INVALID, profile='{"age_band": "under-13"}'),
    like("a list for the profile", INVALID, profile=["under-13"]),
    like("a number for the region", taken("profile.region", "other"), profile={"region": 276}),
    like("a list for the device", taken("profile.device", "other"), profile={"device": ["ios"]}),
    like("a list for an age", INVALID, profile={"age_band": []}),
    like("a number for the visibility", taken("visibility", "private"), visibility=0),
    like("a list for the visibility", taken("visibility", "private"), visibility=["public"]),
    like("a child in another spelling", {"verdicts": {"dropped_child": 1}}, profile={"age_band": "Under 13"}),
    *(
        like(f"a child, number {number}", {"verdicts": {"dropped_child": 1}}, profile={"age_band": band})
        for number, band in enumerate(("<13", "< 13", "0-12", "0 \u2013 12", "\u226412", "<=12"))
    ),
    *(
        like(f"an old age, number {number}", taken("profile.age_band", "65+"), profile={"age_band": band})
        for number, band in enumerate(("65 +", "\u226565", ">= 65", "65 plus"))
    ),
    like("a band that could be a child's", INVALID, profile={"age_band": "8-12"}),
    like("a region of 60,000 characters", taken("profile.region", "other"), profile={"region": "x" * 60_000}),
    like("a profile of 70 kB", INVALID, profile={"region": "x" * 70_000}),
    like("a number for an age", INVALID, profile={"age_band": 25}),
    like("an unknown visibility", taken("visibility", "private"), visibility="friends"),
    like("marks without end in the network", taken("network", "absent"), network="x" + "\u0301" * 9_000),
)
DEEP = b"[" * 50_000 + b"]" * 50_000
BODIES = (
    Attack("an array of 50,000 levels", EVENTS, DEEP, 200, INVALID),
    Attack("an array of 500 levels", EVENTS, b"[" * 500 + b"]" * 500, 200, INVALID),
    Attack("an array of 500 levels that ends early", EVENTS, b"[" * 500 + b"]" * 499, 400, {"field": "body"}),
    Attack("an item of 50 levels", EVENTS, b"[" + b"[" * 50 + b"]" * 50 + b"]", 200, INVALID),
    Attack("brackets in a text", EVENTS, b"[" + event("n1", network="[" * 900) + b"]", 200, COUNTED),
    Attack(
        "deep brackets before a text without end",
        EVENTS,
        gzip.compress(b"[" * 500 + b'"' + b'\\"' * 4_000_000),
        400,
        {"field": "body"},
        headers=GZIP,
    ),
    Attack("byte order mark", EVENTS, b"\xef\xbb\xbf" + event("b1"), 200, COUNTED, headers=LINES),
    Attack("byte order mark, array", EVENTS, b"\xef\xbb\xbf[" + event("b2") + b"]", 200, COUNTED),
    Attack(
        "two gzip members",
        EVENTS,
        gzip.compress(event("b3") + b"\n") + gzip.compress(event("b4")),
        200,
        {"verdicts": {"counted": 2}},
        headers=LINES | GZIP,
    ),
    Attack(
        "x-gzip of jsonl",
        EVENTS,
        gzip.compress(event("b5")),
        200,
        COUNTED,
        headers={"Content-Type": "application/jsonl", "Content-Encoding": "x-gzip"},
    ),
    Attack(
        "application/ndjson",
        EVENTS,
        event("b6"),
        200,
        COUNTED,
        headers={"Content-Type": "application/ndjson"},
    ),
    Attack(
        "400,000 empty gzip members",
        EVENTS,
        gzip.compress(b"") * 400_000,
        400,
        {"field": "body"},
        headers=LINES | GZIP,
    ),
    Attack(
        "half an emoji in one of two",
        EVENTS,
        b"[" + event("b7") + b"," + event("b8", network="caf\ud83d") + b"]",
        200,
        {"verdicts": {"counted": 1, "invalid": 1}},
    ),
    *(
        Attack(
            f"an item of {levels} levels among others",
            EVENTS,
            b"[%b,%b,%b]" % (event(f"n1-{levels}"), b"[" * levels + b"]" * levels, event(f"n2-{levels}")),
            200,
            {"verdicts": {"counted": 2, "invalid": 1}},
        )
        for levels in (17, 399, 400, 500, 30_000)
    ),
    Attack(
        "NaN in one of two",
        VIDEOS,
        b'[{"video_id":"b9","posted_at":"2026-05-03T12:00:00Z","duration_seconds":NaN},' + video("b10")[1:],
        200,
        {"verdicts": {"created": 1, "invalid": 1}},
    ),
)
METADATA = (
    Attack(
        "marks without end in a title",
        VIDEOS,
        gzip.compress(video("t1", title=MARKS)),
        200,
        NOT_CREATED,
        headers=GZIP,
    ),
    Attack(
        "marks without end in a canary's title",
        "/v1/sandbox/videos",
        gzip.compress(video("t2", title=MARKS)),
        200,
        NOT_CREATED,
        scope="canary",
        headers=GZIP,
    ),
    Attack(
        "500 titles of 2,000 marks",
        VIDEOS,
        gzip.compress(
            json.dumps(
                [
                    {"video_id": f"m{number}", "posted_at": ago(60), "title": "x" + "\u0301\u0316" * 1000}
                    for number in range(500)
                ],
                ensure_ascii=False,
            ).encode()
        ),
        200,
        {"verdicts": {"created": 500}},
        headers=GZIP,
    ),
    Attack(
        "10,000 hashtags",
        VIDEOS,
        video("t3", hashtags=["a"] * 10_000),
        200,
        CREATED,
    ),
    Attack("a caption with a line break", VIDEOS, video("t4", title="one\ntwo #cooking"), 200, CREATED),
    Attack("a caption with a tab", VIDEOS, video("t5", title="one\ttwo"), 200, CREATED),
    Attack("a caption of 2,200 characters", VIDEOS, video("t6", title="x" * 2_200), 200, CREATED),
    Attack("a caption of 30,000 characters", VIDEOS, video("t7", title="x" * 30_000), 200, CREATED),
    Attack("a photo of 0 seconds", VIDEOS, video("t8", duration_seconds=0), 200, CREATED),
    Attack("a live of two days", VIDEOS, video("t9", duration_seconds=172_800), 200, CREATED),
    Attack("a duration of null", VIDEOS, video("t10", duration_seconds=None), 200, CREATED),
    Attack("an invisible title", VIDEOS, video("t11", title="\u200b"), 200, CREATED),
    Attack("a title with control characters", VIDEOS, video("t14", title="\x00a\x1b[31mb\x9f"), 200, CREATED),
    Attack("hashtags in one text", VIDEOS, video("t15", hashtags="#baking, tea"), 200, CREATED),
    Attack("hashtags in a list in a text", VIDEOS, video("t16", hashtags='["a"]'), 200, NOT_CREATED),
    Attack("30,000 hashtags in one text", VIDEOS, video("t17", hashtags="#a" * 30_000), 200, CREATED),
    Attack("an object of hashtags", VIDEOS, video("t18", hashtags={"0": "a"}), 200, NOT_CREATED),
    Attack("an empty text for the creator", VIDEOS, video("t19", creator_id=""), 200, CREATED),
    Attack("an empty text for the sound", VIDEOS, video("t20", sound_id=" "), 200, CREATED),
    Attack("a sound that is no id", VIDEOS, video("t21", sound_id="a b"), 200, NOT_CREATED),
    Attack("a title that turns direction", VIDEOS, video("t12", title="a\u200fb"), 200, NOT_CREATED),
    Attack("a full-width #", VIDEOS, video("t13", hashtags=["\uff03baking"]), 200, CREATED),
    Attack("dot dot as an id", VIDEOS, video(".."), 200, NOT_CREATED),
    Attack("dot as an id", VIDEOS, video("."), 200, NOT_CREATED),
    Attack(
        "10,000 canaries at once",
        "/v1/sandbox/videos",
        gzip.compress(
            json.dumps([{"video_id": f"c{number}", "posted_at": ago(0)} for number in range(10_000)]).encode()
        ),
        409,
        scope="canary",
        headers=GZIP,
    ),
)
ATTACKS: Final = (*TIMES, *PROFILES, *BODIES, *METADATA)
