"""Dimensions, their public domains, and the code of a joint cell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from privacy.errors import PolicyError

UNDISCLOSED = "undisclosed"
HOUR_OF_DAY = "hour_of_day"
NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED_NAMES = ("total", "change", "removals", "other")
"""Names of other numbers, in releases and reports."""
MAX_VALUE_CHARACTERS = 64
JOINT_CODE_BITS = 28
"""A joint cell's code shares 32 bits with the 4-bit change of `privacy.model.change`."""
UNDISCLOSED_EVERYWHERE = (1 << JOINT_CODE_BITS) - 1
"""The joint cell of an account that opted out of breakdowns, whatever dimensions a policy declares."""


@dataclass(frozen=True)
class Dimension:
    """A dimension with its domain.

    Args:
        name: its name in the API, also in the profile of events. The values of `hour_of_day` are not in a
            profile: they come from the time of the event.
        values: the declared cells, in public order; `undisclosed` is appended to them.
    """

    name: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        where = f"dimensions.{self.name}"
        _check_name(where, self.name)
        if not self.values:
            raise PolicyError(f"{where}: is empty; a dimension has at least one value")
        if len(set(self.values)) != len(self.values):
            raise PolicyError(
                f"{where}: {list(self.values)} repeats a value; the values of a domain are distinct"
            )
        for value in self.values:
            if not (value.isprintable() and 0 < len(value) <= MAX_VALUE_CHARACTERS):
                raise PolicyError(
                    f"{where}: has the value {value[:MAX_VALUE_CHARACTERS]!r}; 1 to {MAX_VALUE_CHARACTERS} "
                    "visible characters"
                )
        if UNDISCLOSED in self.values:
            raise PolicyError(
                f"{where}: names {UNDISCLOSED!r} itself; that cell always exists and is never declared"
            )
        if self.name == HOUR_OF_DAY and self.values != tuple(f"{hour:02d}" for hour in range(24)):
            raise PolicyError(
                f"{where}: is {list(self.values)}; it is derived from occurred_at and holds 00 to 23"
            )

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """All cells, `undisclosed` last."""
        return (*self.values, UNDISCLOSED)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Position of each cell in `cells`."""
        return {cell: position for position, cell in enumerate(self.cells)}


@dataclass(frozen=True)
class JointDimension:
    """A declared dimension of which each cell is one cell of each of its parts, such as age and gender.

    Args:
        name: its name in the API.
        parts: two or more different dimensions; the last one varies fastest.
    """

    name: str
    parts: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        where = f"audiences.joint_dimensions.{self.name}"
        names = [part.name for part in self.parts]
        if len(names) < MIN_PARTS or len(set(names)) != len(names):
            raise PolicyError(f"{where}: is {names}; at least {MIN_PARTS} different dimensions")
        _check_name(where, self.name)
        if len(set(self.cells)) != len(self.cells):
            raise PolicyError(f"{where}: has two cells of one name; values without {PART_SEPARATOR!r}")

    @cached_property
    def cells(self) -> tuple[str, ...]:
        """All cells, named by those of the parts; the one that is undisclosed in every part is last."""
        return tuple(PART_SEPARATOR.join(cells) for cells in product(*(part.cells for part in self.parts)))


PART_SEPARATOR = "/"
MIN_PARTS = 2


def _check_name(where: str, name: str) -> None:
    """Check the name of a dimension, which is part of paths and a member of documents."""
    if not NAME_PATTERN.fullmatch(name):
        raise PolicyError(f"{where}: is no name; up to 64 of a-z, 0-9 and _, a letter first")
    if name in RESERVED_NAMES:
        raise PolicyError(f"{where}: is reserved; a name that is not one of {', '.join(RESERVED_NAMES)}")


@dataclass(frozen=True)
class JointDomain:
    """All dimensions together. A joint cell has one value of each, coded as one mixed-radix integer."""

    dimensions: tuple[Dimension, ...]

    def __post_init__(self) -> None:
        if not self.dimensions:
            raise PolicyError("dimensions: are none; at least one is required")
        if self.size > 1 << JOINT_CODE_BITS:
            raise PolicyError(
                f"dimensions: make {self.size} joint cells; at most 2**{JOINT_CODE_BITS} fit a code"
            )

    @cached_property
    def size(self) -> int:
        """Number of joint cells."""
        return prod(len(dimension.cells) for dimension in self.dimensions)

    @cached_property
    def strides(self) -> tuple[int, ...]:
        """Amount that one step in each dimension adds to a code; 1 for the last dimension."""
        radices = [len(dimension.cells) for dimension in self.dimensions]
        return tuple(prod(radices[position + 1 :]) for position in range(len(radices)))

    @cached_property
    def stride_of(self) -> Mapping[str, int]:
        """The strides by the dimensions' names."""
        names = (dimension.name for dimension in self.dimensions)
        return dict(zip(names, self.strides, strict=True))

    @cached_property
    def undisclosed_code(self) -> int:
        """Code of the joint cell that is `undisclosed` in every dimension, the largest code."""
        return self.size - 1

    def code(self, cells: Mapping[str, str]) -> int:
        """Return the code of a joint cell; a dimension that is not named is `undisclosed`.

        Raises:
            KeyError: a cell is outside its dimension's domain.
        """
        return sum(
            stride * dimension.index[cells.get(dimension.name, UNDISCLOSED)]
            for dimension, stride in zip(self.dimensions, self.strides, strict=True)
        )

    def cells(self, code: int) -> dict[str, str]:
        """Return the cells of a code; a code beyond the last joint cell is undisclosed in every dimension."""
        code = min(code, self.undisclosed_code)
        return {
            dimension.name: dimension.cells[code // stride % len(dimension.cells)]
            for dimension, stride in zip(self.dimensions, self.strides, strict=True)
        }
