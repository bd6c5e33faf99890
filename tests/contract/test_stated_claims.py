"""The API's description and the documents claim no more than the mechanism keeps."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from api.public.guarantee import GUARANTEE_EXAMPLE
from privacy.mechanism.guarantee import DERIVED, guarantee
from privacy.policy.file import DEFAULT_POLICY_PATH, load_policy
from tests.support.dockerfile import ROOT
from tests.support.documents import CURRENT_DOCUMENTS, document_id

OPENAPI: Final = ROOT / "openapi.yaml"
ABOUT_FEWER: Final = re.compile(
    r"[^.|]*\b(?:fewer(?: than (?:k|20|k = 20))?|at least (?:k|20)|minimum number of) accounts[^.|]*"
)
"""A sentence, or a cell of a table, that claims how many accounts a number is about."""
NARROWED: Final = re.compile(r"measured|total|cell|removal|loss|may be about|noise alone|derived")
"""Words of a sentence that claims it for measured numbers, or denies it for others."""
NO_INDEX: Final = re.compile(
    r"\b(?:no|any|an)(?: such| lasting| other)? index (?:from|by|exists|that leads|that does)"
)
"""Words that deny a way from a target to accounts."""
EVERYONE_ELSE: Final = re.compile(r"knows? (?:everything|all)[^.]*?(?:every ?one else|other accounts)[^.]*")
"""A sentence that says what the attacker knows about others."""


@cache
def openapi() -> Any:
    """Return the API's description; reading it takes a second."""
    return yaml.safe_load(OPENAPI.read_text(encoding="utf-8"))


def texts(path: Path) -> Iterator[str]:
    """Yield the texts of a file: a document or policy as a whole, of openapi.yaml each description."""
    if path == OPENAPI:
        yield from descriptions(openapi())
    else:
        yield path.read_text(encoding="utf-8").replace("#", " ")


def descriptions(node: Any) -> Iterator[str]:
    """Yield every description in a part of openapi.yaml."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "description" and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from descriptions(value)


def sentences(pattern: re.Pattern[str], path: Path) -> list[str]:
    """Return the sentences of a file that match, with single spaces."""
    return [found.strip() for text in texts(path) for found in pattern.findall(" ".join(text.split()))]


def properties(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the schema of every property of a description."""
    if isinstance(schema, dict):
        named = schema.get("properties")
        if isinstance(named, dict):
            yield from named.items()
        for value in schema.values():
            yield from properties(value)


@pytest.mark.parametrize("path", [*CURRENT_DOCUMENTS, OPENAPI, DEFAULT_POLICY_PATH], ids=document_id)
def test_no_description_claims_k_for_every_number(path: Path) -> None:
    """Each sentence about k accounts is about measured numbers, or says that k does not hold."""
    assert [found for found in sentences(ABOUT_FEWER, path) if not NARROWED.search(found)] == []


@pytest.mark.parametrize("path", [*CURRENT_DOCUMENTS, OPENAPI], ids=document_id)
def test_the_attacker_knows_everything_else_about_you_too(path: Path) -> None:
    """A sentence that lets the attacker know all about everyone else says: about this account, too."""
    found = sentences(EVERYONE_ELSE, path)
    assert [each for each in found if "too" not in each and "everything except" not in each] == []


@pytest.mark.parametrize("path", CURRENT_DOCUMENTS, ids=document_id)
def test_what_says_that_there_is_no_index_says_what_audiences_keep(path: Path) -> None:
    """The journal of the day and the lists of running periods lead from targets to keyed hashes."""
    text = " ".join(" ".join(texts(path)).split())
    if NO_INDEX.search(text):
        assert all(
            word in text for word in ("journal of the day", "week or block", "keyed hash", "seconds after")
        )


@pytest.mark.parametrize("name", DERIVED)
def test_derived_numbers_say_that_k_does_not_hold(name: str) -> None:
    """In openapi.yaml, the description of each derived member says that it may be about fewer accounts."""
    member = name.rpartition(".")[2]
    schemas = properties(openapi()["components"]["schemas"])
    described = [schema["description"] for found, schema in schemas if found == member]
    assert described
    assert [text for text in described if "fewer" not in text] == []


def test_the_example_of_the_guarantee_is_the_packaged_policys() -> None:
    """Every number in it is computed, and so is every sentence that it quotes in full."""
    document = guarantee(load_policy())
    shortened = {"policy_sha256", "schedule", "creator_schedule", "documents"}
    example = {name: value for name, value in GUARANTEE_EXAMPLE.items() if name not in shortened}
    assert list(_differences(example, document)) == []


def _differences(example: Any, document: Any, path: str = "") -> Iterator[str]:
    """Yield where an example is not a part of a document; a text may end with an ellipsis."""
    if isinstance(example, dict):
        for name, value in example.items():
            yield from _differences(value, document.get(name), f"{path}.{name}")
    elif isinstance(example, list) and example and isinstance(example[0], dict):
        for index, value in enumerate(example):
            yield from _differences(value, document[index], f"{path}[{index}]")
    elif isinstance(example, str) and example.endswith("…"):
        if not document.startswith(example[:-1]):
            yield f"{path}: {document}"
    elif example != document:
        yield f"{path}: {document}"
