"""Says what is wrong with the shape of a policy file: the field, the value and the rule."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, Final

import msgspec

from privacy.errors import PolicyError
from privacy.model.audience import Scope
from privacy.policy.budget import Accounting, CalibrationMethod

_PLACE: Final = " - at `$"
_STEP: Final = re.compile(r"\.([^.\[`]+)|\[(\d+|\.\.\.)\]")
_TYPES: Final = re.compile(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`")
_NAMED: Final = re.compile(r"Object (missing|contains)[^`]*`(.*)`")
_RULES: Final = {
    "int": "a whole number",
    "decimal": "a number",
    "str": "a text in quotes",
    "array": "a list",
    "object": "a table",
}
"""What a value must be, by msgspec's names of types."""
_CHOICES: Final = {"scope": Scope, "accounting": Accounting, "calibration": CalibrationMethod}
"""The words that a field may have."""
_ANY_MEMBER: Final = "..."
MAX_SHOWN_CHARACTERS: Final = 80


def describe_shape_error(error: msgspec.ValidationError, tables: Mapping[str, Any]) -> PolicyError:
    """Return the error about a file whose tables do not have the shape of a policy.

    Args:
        error: what msgspec says.
        tables: the file.
    """
    fault, _, place = str(error).partition(_PLACE)
    steps = [name or index for name, index in _STEP.findall(place)]
    for field, value in _find(tables, steps, ""):
        if said := _describe(fault, steps, field, value):
            return PolicyError(said)
    return PolicyError(f"policy file: {error}")


def _find(value: Any, steps: Sequence[str], field: str) -> Iterator[tuple[str, Any]]:
    """Yield the values to which the steps lead, with their names; a step may be any member of a table."""
    if not steps:
        yield field, value
    elif isinstance(value, dict):
        for name in value if steps[0] == _ANY_MEMBER else [steps[0]]:
            if name in value:
                yield from _find(value[name], steps[1:], f"{field}.{name}" if field else name)
    elif isinstance(value, list) and steps[0].isdigit():
        yield from _find(value[int(steps[0])], steps[1:], f"{field}[{steps[0]}]")


def _describe(fault: str, steps: Sequence[str], field: str, value: Any) -> str | None:
    """Return the sentence about a value; None if another one is meant."""
    if (types := _TYPES.fullmatch(fault)) and _name_type(value) == types[2]:
        return f"{field}: is {_show(value)}; {_RULES.get(types[1], types[1])}"
    if fault == "Invalid decimal string" and isinstance(value, str):
        return f"{field}: is {_show(value)}; {_RULES['decimal']}"
    if fault.startswith("Invalid enum value") and steps and steps[-1] in _CHOICES:
        words = ", ".join(choice.value for choice in _CHOICES[steps[-1]])
        return f"{field}: is {_show(value)}; one of {words}"
    if (named := _NAMED.fullmatch(fault)) and isinstance(value, dict):
        full = f"{field}.{named[2]}" if field else named[2]
        if named[1] == "missing" and named[2] not in value:
            return f"{full}: is missing; a policy has every field of the packaged one that has no default"
        if named[1] == "contains" and named[2] in value:
            return f"{full}: is no field of a policy; the packaged policy shows all that there are"
    return None


def _name_type(value: Any) -> str:
    """Return msgspec's name of the type of a value in a TOML file."""
    names = {bool: "bool", int: "int", Decimal: "decimal", str: "str", list: "array", dict: "object"}
    if isinstance(value, date | time):
        return type(value).__name__
    return names.get(type(value), "")


def _show(value: Any) -> str:
    text = str(value) if isinstance(value, Decimal | date | time) else repr(value)
    if isinstance(value, bool):
        text = text.lower()
    return text if len(text) <= MAX_SHOWN_CHARACTERS else f"{text[:MAX_SHOWN_CHARACTERS]}…"
