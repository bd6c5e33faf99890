"""Reads values of profiles: another spelling is taken as what it can only mean, all else as unlisted.

A value never decides whether its event is counted, with one exception: an age band that could be a child's.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

from msgspec import UNSET, UnsetType

from privacy.intake.country_codes import ALPHA_2_CODES
from privacy.model.dimension import UNDISCLOSED, Dimension

OTHER: Final = "other"
"""The cell of values that a dimension does not list, if it declares it; else they are undisclosed."""
AGE_BAND: Final = "age_band"
ProfileValue = str | None | UnsetType
"""A value as sent; None and UNSET are undisclosed."""

_SEPARATORS = re.compile(r"[\s_\u2010-\u2015-]+")
_WITHHELD: Final = frozenset(
    f"|{UNDISCLOSED}|unknown|unspecified|undefined|not-specified|not-disclosed|prefer-not-to-say|none|null|n/a".split(
        "|"
    )
)
"""Canonical spellings of a value that is missing."""
_AGES = re.compile(r"([0-9]{1,3})(?:-[0-9]{1,3}|\+)?")
_AT_LEAST = re.compile("(?:\u2265|>=)-?([0-9]{1,3})")
_BELOW = re.compile("<-?([0-9]{1,3})")
_UP_TO = re.compile("(?:0-|(?:\u2264|<=)-?)([0-9]{1,3})")
_DIGITS = re.compile("[0-9]+")
_LOCALE = re.compile("[a-z]{2,3}[-_]([A-Z]{2})")
_SUBDIVISION = re.compile("([A-Z]{2})-[A-Z0-9]{1,3}")
_LANGUAGES: Final = MappingProxyType(
    {"in": "id", "iw": "he", "ji": "yi", "ara": "ar", "deu": "de", "ger": "de", "eng": "en", "spa": "es"}
    | {"fra": "fr", "fre": "fr", "hin": "hi", "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "pol": "pl"}
    | {"por": "pt", "tha": "th", "tur": "tr", "vie": "vi", "nld": "nl", "dut": "nl", "rus": "ru", "swe": "sv"}
    | {"ukr": "uk", "zho": "zh", "chi": "zh", "und": UNDISCLOSED}
)
"""Former codes of languages, which Java still sends, and three-letter codes (ISO 639-2)."""
_DEVICES: Final = MappingProxyType({"iphone": "ios", "ipad": "ios", "ipados": "ios"})
_GENDERS: Final = MappingProxyType({"f": "female", "m": "male"})


def canonical(text: str) -> str:
    """Return a spelling in which case, width and separators make no difference."""
    return _SEPARATORS.sub("-", unicodedata.normalize("NFKC", text).strip()).casefold()


def age_spelling(text: str) -> str:
    """Return the spelling of an age band as in `13-17`, `65+` and `under-13`."""
    spelled = canonical(text).replace("-plus", "+").replace("-+", "+")
    if matched := _AT_LEAST.fullmatch(spelled):
        return f"{matched[1]}+"
    if matched := _BELOW.fullmatch(spelled):
        return f"under-{matched[1]}"
    if matched := _UP_TO.fullmatch(spelled):
        return f"under-{int(matched[1]) + 1}"
    return spelled


def _region(text: str) -> str:
    text = text.strip()
    if matched := _LOCALE.fullmatch(text) or _SUBDIVISION.fullmatch(text):
        text = matched[1]
    return ALPHA_2_CODES.get(text.upper(), text)


def _language(text: str) -> str:
    subtag = canonical(text).partition("-")[0]
    return _LANGUAGES.get(subtag, subtag)


_OTHER_SPELLINGS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        AGE_BAND: age_spelling,
        "region": _region,
        "language": _language,
        "device": lambda text: _DEVICES.get(canonical(text), text),
        "gender": lambda text: _GENDERS.get(canonical(text), text),
    }
)


class DroppedBands(dict[ProfileValue, bool]):
    """By age band, whether it is a child's: one of the policy's dropped bands, however it is spelled.

    Args:
        dropped: the bands of which nothing is stored.
        listed: bands that are known to be no child's.
    """

    def __init__(self, dropped: Iterable[str], listed: Iterable[str] = ()) -> None:
        super().__init__(dict.fromkeys([UNSET, None, *listed], False) | dict.fromkeys(dropped, True))
        self._canonical = {age_spelling(band) for band in dropped}

    def __missing__(self, band: ProfileValue) -> bool:
        """Compare spellings; the result is not kept, since senders choose the texts."""
        return isinstance(band, str) and age_spelling(band) in self._canonical


@dataclass(frozen=True)
class ProfileReader:
    """Reads the values of one dimension.

    Args:
        dimension: the dimension with its domain.
        has_children: whether some age bands are dropped, so that an unclear one must not be stored.
    """

    dimension: Dimension
    has_children: bool = False

    def read(self, value: ProfileValue) -> str | None:
        """Return the cell of a value; None for an age band that could be a child's."""
        if not isinstance(value, str):
            return UNDISCLOSED
        if value in self.dimension.values:
            return value
        other_spelling = _OTHER_SPELLINGS.get(self.dimension.name, canonical)
        for spelled in (canonical(value), canonical(other_spelling(value))):
            cell = self._by_spelling.get(spelled)
            if cell is not None:
                return cell
        if (
            self.dimension.name == AGE_BAND
            and self.has_children
            and not self._is_grown_up(age_spelling(value))
        ):
            return None
        return self._unlisted

    def _is_grown_up(self, spelled: str) -> bool:
        """Return whether a band has no age below the lowest that is listed."""
        matched = _AGES.fullmatch(spelled)
        return matched is not None and self._lowest_age is not None and int(matched[1]) >= self._lowest_age

    @cached_property
    def _lowest_age(self) -> int | None:
        ages = [int(found[0]) for band in self.dimension.values if (found := _DIGITS.search(band))]
        return min(ages, default=None)

    @cached_property
    def _unlisted(self) -> str:
        return OTHER if OTHER in self.dimension.values else UNDISCLOSED

    @cached_property
    def _by_spelling(self) -> Mapping[str, str]:
        """The listed values by their canonical spelling, where that tells them apart, and missing ones."""
        spellings = [canonical(value) for value in self.dimension.values]
        return dict.fromkeys(_WITHHELD, UNDISCLOSED) | {
            spelled: value
            for spelled, value in zip(spellings, self.dimension.values, strict=True)
            if spellings.count(spelled) == 1
        }
