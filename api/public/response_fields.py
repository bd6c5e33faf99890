"""Fields of the public plane's response schemas."""

from typing import Any

from marshmallow import RAISE, Schema, fields


class ResponseSchema(Schema):
    """Base of the public plane's response schemas: exactly these members."""

    class Meta:
        """Refuses unknown members."""

        unknown = RAISE


def required_field(field: type[fields.Field[Any]], description: str, **options: Any) -> Any:
    """Returns a field that is present in every response."""
    return field(required=True, metadata={"description": description}, **options)


def list_field(item: fields.Field[Any], description: str, **options: Any) -> fields.List[Any]:
    """Returns a list of items that is present in every response."""
    return fields.List(item, required=True, metadata={"description": description}, **options)


def next_cursor_field() -> Any:
    """Returns the field that holds the cursor of the next page."""
    return required_field(fields.String, "Cursor of the next page; null on the last page.", allow_none=True)


def resume_cursor_field() -> Any:
    """Returns the field that holds the cursor of what is added after a page."""
    return required_field(
        fields.String,
        "Cursor of what comes after this page, on the last page too: with it, you get what has been added "
        "since. Null before the store was set up.",
        allow_none=True,
    )
