"""Strict JSON (RFC 8259, I-JSON RFC 7493): refuses what two readers could understand differently."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from privacy.errors import InvalidInputError

JSON_RULE = "one JSON value in UTF-8 with distinct names, finite numbers and at most 16 levels (RFC 7493)"
MAX_DEPTH = 16
MAX_INTEGER_DIGITS = 19
_SHOWN_CHARACTERS = 40


def parse_json(raw: bytes, field: str = "body") -> Any:
    """Read one JSON value.

    Args:
        raw: the bytes.
        field: what to call the value in an error.

    Raises:
        InvalidInputError: not UTF-8, not JSON, a name twice, NaN or Infinity, an absurd number, half a
            surrogate pair, too deep.
    """
    try:
        value = _DECODER.decode(raw.decode())
        _check_depth_and_text(value)
    except UnicodeDecodeError as error:
        raise InvalidInputError(field, f"is not UTF-8 at byte {error.start}", JSON_RULE) from error
    except UnicodeEncodeError as error:
        raise InvalidInputError(field, "holds half a surrogate pair", JSON_RULE) from error
    except RecursionError as error:
        raise InvalidInputError(field, "nests too deeply", JSON_RULE) from error
    except json.JSONDecodeError as error:
        where = f"{error.msg.lower()} at character {error.pos}"
        raise InvalidInputError(field, f"is not JSON: {where}", JSON_RULE) from error
    except _RefusedError as error:
        raise InvalidInputError(field, str(error), JSON_RULE) from error
    return value


class _RefusedError(Exception):
    """JSON that some readers accept and that is refused here."""


def _distinct_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value] # add() answers None on purpose
        raise _RefusedError(f"names {twice[:_SHOWN_CHARACTERS]!r} twice in one object")
    return members


def _bounded_integer(digits: str) -> int:
    if len(digits.lstrip("-")) > MAX_INTEGER_DIGITS:
        raise _RefusedError(f"holds an integer of {len(digits)} digits")
    return int(digits)


def _finite_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise _RefusedError(f"holds {text[:_SHOWN_CHARACTERS]}, which is out of range")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _RefusedError(f"holds {name}, which JSON does not have")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct_names,
    parse_int=_bounded_integer,
    parse_float=_finite_float,
    parse_constant=_no_constant,
)


def _check_depth_and_text(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, str):
                item.encode()
        level = below
    raise _RefusedError(f"nests deeper than {MAX_DEPTH} levels")
