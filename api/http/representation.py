"""Other representations of a list: the rows of a JSON response as CSV, as NDJSON, or as Parquet.

They are made from the JSON response itself, so they hold the same figures. Nested members become columns
whose names are joined by `_`; the two ends of an interval are `…_low` and `…_high`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import NotAcceptable
from werkzeug.http import parse_accept_header

from api.http.operation import JSON, NDJSON, Response

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers

CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
OF_ROWS: Final = (CSV, NDJSON, PARQUET)
NEXT_CURSOR: Final = "Next-Cursor"
"""Response header with the cursor of the next page, which rows have no place for."""
_CURSORS: Final = ("next_cursor", "resume_cursor")
_INTERVAL: Final = "ci95"
_ENDS: Final = ("low", "high")
_UNNAMED: Final = "metrics"
"""A member that leaves no part of a name behind."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of text that spreadsheets take for a formula (OWASP, "CSV Injection")."""
_ENCODER: Final = msgspec.json.Encoder()

Row = dict[str, Any]


def choose_media_type(headers: Headers) -> str:
    """Return the media type that a caller prefers, of those that a list has; JSON where none fits."""
    accept = parse_accept_header(headers.get("Accept"), MIMEAccept)
    return accept.best_match((JSON, *OF_ROWS), JSON)


def represent(response: Response, member: str, media_type: str) -> Response:
    """Return a JSON response in another representation.

    Args:
        response: its body is an object.
        member: the member whose items become the rows.
        media_type: one of `OF_ROWS`.

    Raises:
        NotAcceptable: it is Parquet, and pyarrow is not installed here (406).
    """
    document = msgspec.json.decode(response.body)
    rows = [*list_rows(document, member)]
    encode = {CSV: _encode_csv, NDJSON: _ENCODER.encode_lines, PARQUET: _encode_parquet}[media_type]
    cursor = next((document[name] for name in _CURSORS if document.get(name)), None)
    headers = {**response.headers, **({NEXT_CURSOR: cursor} if cursor else {})}
    sent_as = f"{CSV}; charset=utf-8; header=present" if media_type == CSV else media_type
    return msgspec.structs.replace(
        response, body=encode(rows), media_type=sent_as, headers=headers, etag=None
    )


def list_rows(document: Mapping[str, Any], member: str) -> Iterator[Row]:
    """Yield the rows of a list, each with what is said of all of them, such as the id of the video."""
    common = {
        name: value for name, value in document.items() if isinstance(value, str) and name not in _CURSORS
    }
    for item in document[member]:
        row = dict(common)
        if isinstance(item, Mapping):
            _flatten(item, "", row)
        else:
            row[member] = item
        yield row


def _flatten(item: Mapping[str, Any], prefix: str, row: Row) -> None:
    for name, value in item.items():
        column = prefix + name
        if isinstance(value, Mapping):
            _flatten(value, prefix if name == _UNNAMED else f"{column}_", row)
        elif name == _INTERVAL:
            row |= {f"{prefix}{end}": one for end, one in zip(_ENDS, value or (None, None), strict=True)}
        elif isinstance(value, list):
            is_text = all(isinstance(one, str) for one in value)
            row[column] = ";".join(value) if is_text else _ENCODER.encode(value).decode()
        else:
            row[column] = value


def _list_columns(rows: Sequence[Row]) -> list[str]:
    return [*dict.fromkeys(column for row in rows for column in row)]


def _encode_csv(rows: Sequence[Row]) -> bytes:
    """Return RFC 4180; what is null is empty, and text that looks like a formula gets a `'` in front."""
    text = io.StringIO(newline="")
    columns = _list_columns(rows)
    writer = csv.writer(text)
    writer.writerow(map(_make_harmless, columns))
    for row in rows:
        writer.writerow([_make_harmless(row.get(column)) for column in columns])
    return text.getvalue().encode()


def _make_harmless(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _encode_parquet(rows: Sequence[Row]) -> bytes:
    try:
        from pyarrow import table  # noqa: PLC0415 - an optional extra
        from pyarrow.parquet import write_table  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise NotAcceptable(f"This server has no pyarrow, which writes {PARQUET}; ask for {CSV}.") from error
    columns = _list_columns(rows)
    buffer = io.BytesIO()
    write_table(table({column: [row.get(column) for row in rows] for column in columns}), buffer)
    return buffer.getvalue()
