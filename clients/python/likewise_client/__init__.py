"""Reads Likewise: typed answers, pages that follow each other, and tables."""

from likewise_client.client import ApiError, Likewise
from likewise_client.tables import to_pandas, to_polars, to_rows

__all__ = ["ApiError", "Likewise", "to_pandas", "to_polars", "to_rows"]
