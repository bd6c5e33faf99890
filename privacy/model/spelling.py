"""What makes two spellings of a name the same name: of hashtags, which people write as they like."""

import unicodedata


def spelling_key(text: str) -> str:
    """Return what two spellings of a text have in common: width, case and invisible characters left out."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(character for character in folded if unicodedata.category(character) != "Cf")
