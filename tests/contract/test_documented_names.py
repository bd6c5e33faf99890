"""Operations, commands, targets and variables that the documents name exist."""

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import click
import pytest
import yaml

from api.cli.main import create_group
from privacy.store.settings import VARIABLES
from tests.support.dockerfile import ROOT
from tests.support.documents import CURRENT_DOCUMENTS, document_id
from tests.support.nightly import marked_parts

OPERATION: Final = re.compile(r"/v1/[\w./{}-]*")
SPAN: Final = re.compile(r"`([^`\n]+)`")
FENCED: Final = re.compile(r"^ *```.*?\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
VARIABLE: Final = re.compile(r"\bLIKEWISE_[A-Z_]*[A-Z]\b")
ELSEWHERE: Final = {"/v1/openapi.json"}
"""Served in addition to the operations that openapi.yaml describes."""


@cache
def _described_paths() -> list[re.Pattern[str]]:
    """Return a pattern for each path of openapi.yaml."""
    described = yaml.safe_load((ROOT / "openapi.yaml").read_text())["paths"]
    return [re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))) for path in described]


def _code(document: Path) -> Iterator[str]:
    """Yield the code of a document: inline spans, and the lines of code blocks without comments."""
    text = document.read_text()
    for block in FENCED.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            yield re.sub(r"^ *(\$ )?([A-Z_]+=\S* )*", "", line.partition(" #")[0])
    yield from SPAN.findall(FENCED.sub("", text))


def _fault(command: str) -> str | None:
    """Return the first word of a documented command that the command line does not know."""
    context = click.Context(create_group(), info_name="likewise")
    found: click.Command = context.command
    for word in shlex.split(command.replace("'", '"') if command.count("'") % 2 else command)[1:]:
        if isinstance(found, click.Group) and not word.startswith("-"):
            inner = found.get_command(context, word)
            if inner is None:
                return word if re.fullmatch(r"[a-z-]+", word) else None
            found = inner
        elif word.startswith("--"):
            names = (name for parameter in found.params for name in parameter.opts + parameter.secondary_opts)
            if word.partition("=")[0] not in {*names, "--help"}:
                return word
        elif word in {"|", "&&", ">", "…"}:
            return None
    return None


@pytest.mark.parametrize("document", CURRENT_DOCUMENTS, ids=document_id)
def test_operations_are_described(document: Path) -> None:
    """Each path under `/v1/` that a document names is one of openapi.yaml."""
    named = {path.rstrip("./") for path in OPERATION.findall(document.read_text())} - ELSEWHERE
    described = _described_paths()
    assert [path for path in named if not any(pattern.fullmatch(path) for pattern in described)] == []


@pytest.mark.parametrize("document", CURRENT_DOCUMENTS, ids=document_id)
def test_commands_are_those_of_the_command_line(document: Path) -> None:
    """Each `likewise …` that a document shows has that command and those options."""
    commands = [code for code in _code(document) if code.startswith("likewise ")]
    assert {command: fault for command in commands if (fault := _fault(command))} == {}


@pytest.mark.parametrize("document", CURRENT_DOCUMENTS, ids=document_id)
def test_make_has_the_targets(document: Path) -> None:
    """Each `make TARGET` that a document shows is a target of the Makefile."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    targets |= {f"nightly-{part}" for part in marked_parts()}
    named = {word for code in _code(document) if code.startswith("make ") for word in code.split()[1:]}
    assert {word for word in named if re.fullmatch("[a-z-]+", word)} - targets == set()


@pytest.mark.parametrize("document", CURRENT_DOCUMENTS, ids=document_id)
def test_variables_are_read(document: Path) -> None:
    """Each LIKEWISE_… that a document names is a variable of the settings."""
    assert set(VARIABLE.findall(document.read_text())) - {variable.name for variable in VARIABLES} == set()
