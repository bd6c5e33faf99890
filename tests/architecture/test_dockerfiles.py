"""Dockerfiles use a few plain forms, so that the tests and the audit which read them overlook nothing."""

from pathlib import Path, PurePosixPath
from typing import Final

import pytest

from tests.support.dockerfile import ROOT, instructions

DOCKERFILES: Final = sorted((ROOT / "docker").glob("*.Dockerfile"))
PLAIN: Final = {"FROM", "RUN", "WORKDIR", "USER", "ENV", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


def find_odd(dockerfile: Path) -> list[str]:
    """Instructions of the last stage whose effect on the image the readers of Dockerfiles do not see."""
    return [
        f"{name} {' '.join(words)}"
        for name, words in instructions(dockerfile)
        if not (is_plain_copy(words) if name == "COPY" else name in PLAIN)
        or (name == "RUN" and words[:2] != ["install", "-d"])
    ]


def is_plain_copy(words: list[str]) -> bool:
    """Return whether a COPY takes the installed packages, or files of the project to the same path."""
    if words[0].startswith("-"):
        return words == ["--from=install", "/opt/likewise", "/opt/likewise"]
    *sources, target = words
    return all(
        PurePosixPath(source) == PurePosixPath(target)
        or PurePosixPath(source).parent == PurePosixPath(target)
        or target == "./"
        for source in sources
    )


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_every_instruction_is_plain(dockerfile: Path) -> None:
    """Files of the project come by COPY alone, each to its own place; the last stage installs nothing."""
    assert find_odd(dockerfile) == []


@pytest.mark.parametrize(
    "line",
    [
        "ADD privacy/vault/ privacy/vault/",
        "copy privacy/vault/ privacy/vault/",
        "COPY --from=install /build/privacy/vault privacy/vault",
        "COPY privacy/vault/scan.py privacy/store/",
        'COPY ["privacy/vault/", "privacy/vault/"]',
        "RUN pip install numpy",
    ],
)
def test_an_odd_instruction_is_noticed(tmp_path: Path, line: str) -> None:
    """Each form that the readers of Dockerfiles would overlook is found."""
    dockerfile = tmp_path / "public.Dockerfile"
    dockerfile.write_text(f"FROM python\n{line}\n")
    assert find_odd(dockerfile)
