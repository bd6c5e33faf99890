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
NET = "less losses that are too few to show, of which"
WHOLE = span("01T12", "05T12", (4000, 3960, 4040), inauthentic=(1300, 1230, 1370))


def texts(whole: ChangeSpan, *days: ChangeSpan) -> list[str]:
    """The sentences about likes."""
    return [sentence.text for sentence in explain(LIKES, whole, days)]


def test_a_purge_is_told_in_sentences_of_its_day() -> None:
    """That it fell, how many for which reason, how sure and when."""
    day = span("03T12", "04T12", (-900, -950, -850), inauthentic=(1200, 1140, 1260))
    assert texts(WHOLE, day) == [
        f"{TIME} this video gained about 5,300 likes (±81), {NET} about 4,000 (±40) are left.",
        "In that time about 1,300 likes (±70) were removed as inauthentic.",
        f"{DAY} the likes fell by about 900 (±50).",
        f"{DAY} about 1,200 likes (±60) were removed as inauthentic.",
    ]


def test_a_fall_is_told_without_a_reason_that_can_be_shown() -> None:
    """From 978 to 751: with its code and numbers, for who says it otherwise."""
    day = span("03T12", "04T12", (-227, -252, -202))
    *_, told = explain(LIKES, WHOLE, [day])
    assert told.text == (
        f"{DAY} the likes fell by about 227 (±25). The reasons are each too small to be shown."
    )
    assert (told.code, told.reason, told.numbers) == ("fell_unexplained", None, {"fell": (227, 202, 252)})
    assert (told.begin, told.end) == ("2026-05-03T12:00:00Z", "2026-05-04T12:00:00Z")
    assert day.gained is None


def test_what_never_lost_a_shown_number_grew() -> None:
    """Nothing is said of losses that nobody can see."""
    whole = span("01T12", "05T12", (4000, 3960, 4040))
    assert texts(whole) == [f"{TIME} the likes of this video came to about 4,000 (±40)."]
    assert explain(LIKES, whole, [])[0].code == "grew"


def test_noise_is_not_told() -> None:
    """A loss or a fall below twice the half of its interval makes no sentence, nor does a gain."""
    loss = span("03T12", "04T12", (-90, -140, -40), inauthentic=(119, 59, 179), unliked=(-200, -260, -140))
    gain = span("02T12", "03T12", (900, 850, 950))
    assert not [text for text in texts(WHOLE, loss, gain) if "Between" in text]


def test_a_loss_just_above_its_threshold_is_told_with_both_ends() -> None:
    """Its interval reaches far down, because it was shown for being large; it is no noisier for that."""
    whole = span("01T12", "05T12", (750, 720, 780), policy=(255, 41, 310))
    assert "In that time about 255 likes (41 to 310) were removed under a rule of the platform." in texts(
        whole
    )


def test_of_too_few_nothing_is_told() -> None:
    """Where the total is withheld, whatever else is given."""
    nothing = span("01T12", "05T12", None, unliked=(500, 440, 560))
    assert explain(FOLLOWERS, nothing, []) == []
    assert explain(FOLLOWERS, nothing, [span("03T12", "04T12", None)]) == []
