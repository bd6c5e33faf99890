"""Sentences about what came and went: only what is published and clear of the noise is told."""

from api.public.change_spans import START, ChangeSpan
from api.public.explanation import explain
from api.public.kinds import FOLLOWERS, LIKES
from privacy.model.documents import Figure, PointDocument
from privacy.model.timestamp import parse_timestamp_ms

REASONS = ("unliked", "inauthentic", "account", "policy", "correction")


def span(since: str, until: str, change: Figure | None, **lost: Figure) -> ChangeSpan:
    """Returns the change between two moments."""
    removals: dict[str, Figure | None] = dict.fromkeys(REASONS)
    point = PointDocument(
        epoch=9,
        as_of_ms=parse_timestamp_ms(f"2026-05-{until}:00:00Z"),
        next_release_at_ms=None,
        total=None,
        change=None,
        change_since_epoch=None,
        change_span_seconds=None,
        removals=removals,
        removal_changes={},
    )
    return ChangeSpan(START, parse_timestamp_ms(f"2026-05-{since}:00:00Z"), point, change, removals | lost)


TIME = "From 1 May 2026, 12:00 UTC to 5 May 2026, 12:00 UTC"
DAY = "Between 3 May 2026, 12:00 UTC and 4 May 2026, 12:00 UTC"
NETTED = (
    "Losses for other reasons (unliked, account, policy, correction), if any, are too small to show; they "
    "are deducted from the number gained."
)
WHOLE = span("01T12", "05T12", (4000, 3960, 4040), inauthentic=(1300, 1230, 1370))


def test_a_purge_is_told_in_a_sentence_of_its_day() -> None:
    """How many, how sure, why and when."""
    day = span("03T12", "04T12", (-900, -950, -850), inauthentic=(1200, 1140, 1260))
    assert explain(LIKES, WHOLE, [day]) == [
        f"{TIME} this video gained about 5,300 likes (±81), of which about 4,000 (±40) are left.",
        "In that time about 1,300 likes (±70) were removed as inauthentic.",
        NETTED,
        f"{DAY} about 1,200 likes (±60) were removed as inauthentic.",
    ]


def test_noise_is_not_told() -> None:
    """A loss below twice the upper half of its interval makes no sentence, nor does a gain."""
    day = span("03T12", "04T12", (-900, -950, -850), inauthentic=(119, 59, 179), unliked=(-200, -260, -140))
    assert not [sentence for sentence in explain(LIKES, WHOLE, [day]) if "Between" in sentence]


def test_a_loss_just_above_its_threshold_is_told_with_both_ends() -> None:
    """Its interval reaches far down, because it was shown for being large; it is no noisier for that."""
    whole = span("01T12", "05T12", (750, 720, 780), policy=(255, 41, 310))
    assert "In that time about 255 likes (41 to 310) were removed under a rule of the platform." in explain(
        LIKES, whole, []
    )


def test_too_few_are_told_alike() -> None:
    """Where the total is withheld there is one sentence, whatever else is given."""
    nothing = span("01T12", "05T12", None, unliked=(500, 440, 560))
    assert explain(FOLLOWERS, nothing, []) == [
        "The followers of this creator are too few to say anything about them."
    ]
    assert explain(FOLLOWERS, nothing, [span("03T12", "04T12", None)]) == explain(FOLLOWERS, nothing, [])
