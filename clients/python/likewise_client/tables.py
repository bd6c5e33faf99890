"""Flat rows of answers, and tables of pandas and Polars."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def to_rows(items: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield flat rows: a number `likes` becomes `likes`, `likes_low`, `likes_high` and `likes_reason`.

    Args:
        items: rows of a query, videos, points of a time series, or other items of a list.
    """
    for item in items:
        row: dict[str, Any] = {}
        for name, value in {**item, **item.get("metrics", {})}.items():
            if name == "metrics":
                continue
            if isinstance(value, Mapping) and "ci95" in value:
                low, high = value["ci95"] or (None, None)
                row |= {
                    name: value["value"],
                    f"{name}_low": low,
                    f"{name}_high": high,
                    f"{name}_reason": value["reason"],
                }
            else:
                row[name] = value
        yield row


def to_pandas(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows as a table of pandas, which must be installed: `likewise-client[pandas]`."""
    import pandas as pd  # noqa: PLC0415 - an optional extra

    return pd.DataFrame(list(to_rows(items)))


def to_polars(items: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the rows as a table of Polars, which must be installed: `likewise-client[polars]`."""
    import polars as pl  # noqa: PLC0415 - an optional extra

    return pl.DataFrame(list(to_rows(items)), infer_schema_length=None)
