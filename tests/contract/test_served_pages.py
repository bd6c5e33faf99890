"""Pages that the public plane serves to reviewers and readers lead nowhere that is not there."""

import re
from typing import Final
from urllib.parse import urljoin

from api.web.docs import COMPLIANCE, ROOT
from privacy.mechanism.guarantee import DOCUMENTS
from tests.support.public_plane import PublicPlane

LINK: Final = re.compile(r"\[[^]]*\]\(([^)#\s]+)[^)]*\)")
START: Final = "/docs/compliance/README.md"


def text_of(plane: PublicPlane, path: str) -> str:
    """A page, which a reader gets without a key."""
    reply = plane.get(path, token=None)
    assert reply.status_code == 200, path
    return reply.text


def links_of(plane: PublicPlane, path: str) -> list[str]:
    """The addresses on this server that a page links to."""
    found = [target for target in LINK.findall(text_of(plane, path)) if "://" not in target]
    return [urljoin(path, target) for target in found]


def test_every_link_of_a_served_page_is_served(plane: PublicPlane) -> None:
    """From the pages that the guarantee names, one can follow every link to the end."""
    known = {START, *DOCUMENTS.values()}
    ahead = sorted(known)
    while ahead:
        new = set(links_of(plane, ahead.pop())) - known
        known |= new
        ahead += sorted(new)
    assert known >= {f"/docs/compliance/{path.name}" for path in COMPLIANCE.iterdir()}
    assert known >= {
        "/docs/reading.md",
        "/docs/follow.md",
        "/docs/browser.md",
        "/docs/why-did-my-likes-drop.md",
        "/docs/proofs/gate.md",
    }


def test_what_is_not_served_is_named(plane: PublicPlane) -> None:
    """Instead of a link, a reader finds the file's place in the project."""
    page = text_of(plane, START)
    assert "[privacy/README.md]" not in page
    assert "privacy/README.md" in page
    black_box = text_of(plane, "/docs/compliance/black-box.md")
    (named,) = set(re.findall(r"`(docs/decisions/0020-[\w.-]+)`", black_box))
    assert (ROOT / named).is_file()


def test_a_page_outside_the_folders_is_not_served(plane: PublicPlane) -> None:
    """Nothing but the listed pages: not the decisions, not a file above."""
    for path in (
        "/docs/operating.md",
        "/docs/proofs/claim.md",
        "/docs/proofs/..",
        "/docs/decisions/README.md",
    ):
        assert plane.get(path, token=None).status_code == 404, path
