"""Addresses and passwords of the store, from the environment."""

from dataclasses import replace
from pathlib import Path

import pytest

from privacy.errors import StoreError
from privacy.store.acl import Room
from privacy.store.settings import (
    LEDGER_KEY_FILE,
    PLATFORM_KEY,
    PREFIX,
    PSEUDONYM_KEY_FILE,
    ROLLBACK_GUARD_DIR,
    VARIABLES,
    Settings,
    StoreSettings,
    Variable,
    names_read_by,
)
from privacy.store.users import ADMIN, LIMITER, PLATFORM, PROCESSES, PUBLIC, USERS, Process


def test_one_address_serves_every_room_that_has_none_of_its_own() -> None:
    """LIKEWISE_REDIS_URL is the rule, a room's own address the exception."""
    shared = Settings.from_environment({"LIKEWISE_REDIS_URL": "redis://a:1"}).store
    assert shared.urls == {Room.PRIVATE: "redis://a:1", Room.GALLERY: "redis://a:1"}
    apart = Settings.from_environment(
        {"LIKEWISE_REDIS_URL": "redis://a:1", "LIKEWISE_GALLERY_URL": "rediss://b:2/0"}
    ).store
    assert apart.urls == {Room.PRIVATE: "redis://a:1", Room.GALLERY: "rediss://b:2/0"}


def test_a_child_gets_the_passwords_of_its_plane_only() -> None:
    """The environment of a public process holds no private password, and reads back to the same settings."""
    passwords = {user.name: f"{user.name}-password" for user in USERS}
    whole = StoreSettings(urls=dict.fromkeys(Room, "unix:///a%20b/redis.sock"), passwords=passwords)
    handed_on = whole.environment([PUBLIC, LIMITER])
    assert not [text for text in handed_on.values() if "platform" in text or "admin" in text]
    again = Settings.from_environment(handed_on).store
    assert again.urls == whole.urls
    assert again.passwords == {"public": "public-password", "limiter": "limiter-password"}


def test_what_is_missing_is_named() -> None:
    """A process without an address or a password says which variable to set."""
    settings = Settings.from_environment({"LIKEWISE_GALLERY_URL": "redis://b:2"}).store
    with pytest.raises(StoreError, match="LIKEWISE_VAULT_URL or LIKEWISE_REDIS_URL"):
        settings.url(Room.PRIVATE, PLATFORM)
    with pytest.raises(StoreError, match="LIKEWISE_ADMIN_PASSWORD"):
        settings.password(ADMIN)
    with pytest.raises(StoreError, match="public does not exist in the private room"):
        settings.url(Room.PRIVATE, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:sesame@host:1",
        "redis://:sesame@host",
        "unix:///path?password=sesame",
        "redis://host:1?password=sesame",
        "redis://host:1#sesame",
        "redis://host:sesame",
        "redis://[sesame",
        "redis://host/3?sesame",
        "redis://host/3",
        "http://host",
        "sesame",
        "redis://",
        "unix://host/path",
        "redis://..:6379",
        f"redis://{'a' * 64}:6379",
        "redis://two hosts:6379",
    ],
)
def test_an_address_is_an_address_and_nothing_more(url: str) -> None:
    """Passwords, databases and odd forms are refused, and the message repeats nothing of them."""
    with pytest.raises(StoreError, match="private room") as caught:
        StoreSettings(urls={Room.PRIVATE: url}, passwords={})
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_are_not_shown() -> None:
    """Printing or logging settings gives no password away."""
    assert "sesame" not in repr(StoreSettings(urls={}, passwords={"public": "sesame"}))


def test_a_data_folder_has_a_place_for_each_file(tmp_path: Path) -> None:
    """Key files are in the data folder; the rollback guard is next to it, and so in no copy of it."""
    settings = Settings.from_environment({}, tmp_path / "data")
    assert settings.pseudonym_key_file == tmp_path / "data" / "pseudonym.key"
    assert settings.ledger_key_file == tmp_path / "data" / "ledger.key"
    assert settings.rollback_guard_dir == tmp_path / "data.rollback-guard"
    assert settings.policy_file is None


def test_the_environment_goes_before_the_data_folder(tmp_path: Path) -> None:
    """A variable that is set wins over the data folder; an empty one counts as not set."""
    environ = {ROLLBACK_GUARD_DIR.name: "/elsewhere", LEDGER_KEY_FILE.name: ""}
    settings = Settings.from_environment(environ, tmp_path)
    assert settings.rollback_guard_dir.as_posix() == "/elsewhere"
    assert settings.ledger_key_file == tmp_path / "ledger.key"


def test_each_name_of_a_data_folder_leads_to_the_same_rollback_guard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative name, one with `..` and a symbolic link resolve to the folder's own place."""
    inner = tmp_path / "data" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "link").symlink_to("data")
    monkeypatch.chdir(inner)
    for name in (Path(".."), inner / "..", tmp_path / "link", tmp_path / "data"):
        settings = Settings.from_environment({}, name)
        assert settings.rollback_guard_dir == tmp_path / "data.rollback-guard"
        assert settings.ledger_key_file == tmp_path / "data" / "ledger.key"


def test_a_data_folder_that_can_have_nothing_next_to_it_is_refused(tmp_path: Path) -> None:
    """The root folder and a circle of symbolic links are errors that name the folder."""
    (tmp_path / "circle").symlink_to("circle")
    for folder in (Path("/"), tmp_path / "circle"):
        with pytest.raises(StoreError, match=f"data folder {folder}"):
            Settings.from_environment({}, folder)


@pytest.mark.parametrize("variable", [PSEUDONYM_KEY_FILE, LEDGER_KEY_FILE, ROLLBACK_GUARD_DIR])
def test_a_relative_path_is_refused(variable: Variable) -> None:
    """Processes with different working folders would otherwise use different files."""
    with pytest.raises(StoreError, match=f"{variable.name} must be an absolute path"):
        Settings.from_environment({variable.name: "keys/file"})


@pytest.mark.parametrize("name", ["pseudonym_key_file", "ledger_key_file", "rollback_guard_dir"])
def test_without_a_data_folder_every_path_must_be_set(name: str) -> None:
    """A process that is started alone guesses no path: the error names the variable."""
    with pytest.raises(StoreError, match=f"set LIKEWISE_{name.upper()} "):
        getattr(Settings.from_environment({}), name)


@pytest.mark.parametrize("process", Process)
def test_a_process_gets_the_variables_that_it_reads(process: Process, tmp_path: Path) -> None:
    """The environment of a child has the table's variables of its process, and reads back the same."""
    passwords = {user.name: f"{user.name}-password" for user in USERS}
    urls = dict.fromkeys(Room, "redis://a:1")
    whole = replace(Settings.from_environment({}, tmp_path), store=StoreSettings(urls, passwords))
    given = whole.environment(process)
    assert set(given) <= set(names_read_by(process))
    again = Settings.from_environment(given)
    assert set(again.store.passwords) == {user.name for user in PROCESSES[process]}
    rooms = {room for user in PROCESSES[process] for room in user.rooms}
    assert set(again.store.urls) == (set() if process in {Process.VAULT, Process.GALLERY} else rooms)


def test_every_variable_is_explained_once() -> None:
    """The table has no name twice, and every entry has a help that is a sentence."""
    assert len({variable.name for variable in VARIABLES}) == len(VARIABLES)
    assert all(variable.help.endswith(".") and variable.name.startswith(PREFIX) for variable in VARIABLES)


def test_settings_do_not_show_secrets() -> None:
    """Printing settings shows no password and no API key."""
    settings = Settings.from_environment({"LIKEWISE_ADMIN_PASSWORD": "sesame", PLATFORM_KEY.name: "sesame"})
    assert "sesame" not in repr(settings)
