"""The settings of every process: one table of the environment variables, with defaults and help.

The table is here, and not in the composition root, because the public plane reads it as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from privacy.errors import StoreError
from privacy.store.acl import AclUser, Room
from privacy.store.users import PROCESSES, USERS, Process

_URL_RULE: Final = (
    "write redis://host:port, rediss://host:port (TLS) or unix:///path, without user, password or query"
)
_FILE_READERS: Final = (Process.INIT, Process.OPERATOR)
# The servers' own health checks need no address.
_CLIENTS: Final = tuple(process for process in PROCESSES if process not in {Process.VAULT, Process.GALLERY})
PREFIX: Final = "LIKEWISE_"
"""Every variable of Likewise begins with it."""


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Args:
        name: its name.
        help: what it sets, in one line.
        readers: the processes that read it; none if only commands of the operator's shell do.
        default: its value if it is not set.
        in_data_folder: where it points to if it is not set and there is a data folder, for the table.
        is_secret: its value is never shown.
    """

    name: str
    help: str
    readers: tuple[Process, ...] = ()
    default: str = ""
    in_data_folder: str = ""
    is_secret: bool = False


def _password_variable(user: AclUser) -> Variable:
    readers = tuple(process for process, users in PROCESSES.items() if user in users)
    return Variable(
        f"LIKEWISE_{user.name.upper()}_PASSWORD",
        f"Password of the Redis user `{user.name}`.",
        readers,
        is_secret=True,
    )


def _readers_in(room: Room) -> tuple[Process, ...]:
    """Returns the processes that connect to a room by its address."""
    return tuple(process for process in _CLIENTS if any(room in user.rooms for user in PROCESSES[process]))


REDIS_URL: Final = Variable(
    "LIKEWISE_REDIS_URL",
    "Address of the Redis of every room that has none of its own: `redis://`, `rediss://` (TLS) or `unix://`.",
    _CLIENTS,
)
VAULT_URL: Final = Variable(
    "LIKEWISE_VAULT_URL", "Address of the Redis of vault and tally.", _readers_in(Room.PRIVATE)
)
GALLERY_URL: Final = Variable(
    "LIKEWISE_GALLERY_URL", "Address of the Redis of the gallery.", _readers_in(Room.GALLERY)
)
PSEUDONYM_KEY_FILE: Final = Variable(
    "LIKEWISE_PSEUDONYM_KEY_FILE",
    "File with the keys of the pseudonyms; an absolute path.",
    (Process.PLATFORM, Process.MAINTENANCE, *_FILE_READERS),
    in_data_folder="<data folder>/pseudonym.key",
)
LEDGER_KEY_FILE: Final = Variable(
    "LIKEWISE_LEDGER_KEY_FILE",
    "File with the key that signs the ledger; an absolute path.",
    (Process.RELEASE, *_FILE_READERS),
    in_data_folder="<data folder>/ledger.key",
)
ROLLBACK_GUARD_DIR: Final = Variable(
    "LIKEWISE_ROLLBACK_GUARD_DIR",
    "Folder of the records that no restore may take back; an absolute path. All processes of a deployment "
    "must share it.",
    (Process.PLATFORM, Process.RELEASE, Process.MAINTENANCE, *_FILE_READERS),
    in_data_folder="<data folder>.rollback-guard",
)
POLICY: Final = Variable(
    "LIKEWISE_POLICY",
    "Policy file; the packaged policy if it is not set.",
    (Process.PLATFORM, Process.MAINTENANCE, *_FILE_READERS),
)
ALLOWED_ORIGINS: Final = Variable(
    "LIKEWISE_ALLOWED_ORIGINS",
    "Origins of web pages that may read the public plane, as in `https://a.example`, separated by commas.",
    (Process.PUBLIC,),
)
PLATFORM_URL: Final = Variable(
    "LIKEWISE_PLATFORM_URL",
    "Address of the platform plane, for `moderation` and `rights`.",
    default="http://127.0.0.1:8081",
)
FRAME_ANCESTORS: Final = Variable(
    "LIKEWISE_FRAME_ANCESTORS",
    "Origins of web pages that may frame the card of a video, separated by commas.",
    (Process.PUBLIC,),
)
OAUTH_ISSUER: Final = Variable(
    "LIKEWISE_OAUTH_ISSUER",
    "Issuer of access tokens that the public plane accepts: the platform's authorization server.",
    (Process.PUBLIC,),
)
OAUTH_AUDIENCE: Final = Variable(
    "LIKEWISE_OAUTH_AUDIENCE", "Name of this service in the `aud` of access tokens.", (Process.PUBLIC,)
)
OAUTH_JWKS_URL: Final = Variable(
    "LIKEWISE_OAUTH_JWKS_URL", "Address of the issuer's keys; `https://`.", (Process.PUBLIC,)
)
OAUTH_CREATORS_CLAIM: Final = Variable(
    "LIKEWISE_OAUTH_CREATORS_CLAIM",
    "Claim of access tokens that lists the ids of the creators whose numbers may be read.",
    (Process.PUBLIC,),
    default="likewise_creators",
)
PUBLIC_URL: Final = Variable(
    "LIKEWISE_PUBLIC_URL",
    "Address at which people reach the public plane, for `keys share`.",
    default="http://127.0.0.1:8080",
)
PLATFORM_KEY: Final = Variable(
    "LIKEWISE_PLATFORM_KEY",
    "API key of the platform plane, for `moderation`, `rights` and `simulate`.",
    is_secret=True,
)
STAFF_KEY: Final = Variable(
    "LIKEWISE_STAFF_KEY", "API key with the scope `moderate`, for `simulate`.", is_secret=True
)
READ_KEYS: Final = Variable(
    "LIKEWISE_READ_KEYS", "API keys of the public plane, for `audit black-box`.", is_secret=True
)
CANARY_KEY: Final = Variable(
    "LIKEWISE_CANARY_KEY", "API key with the scope `canary`, for `audit black-box`.", is_secret=True
)

_ADDRESSES: Final = {Room.PRIVATE: VAULT_URL, Room.GALLERY: GALLERY_URL}
_PASSWORDS: Final = {user.name: _password_variable(user) for user in USERS}
_PATHS: Final = frozenset({PSEUDONYM_KEY_FILE, LEDGER_KEY_FILE, ROLLBACK_GUARD_DIR})
_STORE_VARIABLES: Final = frozenset({REDIS_URL, *_ADDRESSES.values(), *_PASSWORDS.values()})
VARIABLES: Final = (
    *(REDIS_URL, VAULT_URL, GALLERY_URL, PSEUDONYM_KEY_FILE, LEDGER_KEY_FILE, ROLLBACK_GUARD_DIR, POLICY),
    *(ALLOWED_ORIGINS, FRAME_ANCESTORS),
    *(OAUTH_ISSUER, OAUTH_AUDIENCE, OAUTH_JWKS_URL, OAUTH_CREATORS_CLAIM),
    *_PASSWORDS.values(),
    *(PUBLIC_URL, PLATFORM_URL, PLATFORM_KEY, STAFF_KEY, READ_KEYS, CANARY_KEY),
)


def names_read_by(process: Process) -> list[str]:
    """Returns the names of the variables that a process reads."""
    return [variable.name for variable in VARIABLES if process in variable.readers]


def names_for(*users: AclUser) -> list[str]:
    """Returns the names of the variables that a connection as these users needs."""
    rooms = {room for user in users for room in user.rooms}
    addresses = (variable for room, variable in _ADDRESSES.items() if room in rooms)
    return [variable.name for variable in (REDIS_URL, *addresses, *(_PASSWORDS[user.name] for user in users))]


@dataclass(frozen=True)
class StoreSettings:
    """Addresses of the rooms and the passwords this process was given.

    Give each process the passwords of its own plane only. An address carries no password, because addresses
    are printed, logged and shown by `ps`. A process that never enters a room needs no address for it.

    Args:
        urls: address per room.
        passwords: password per user name; never shown by `repr`.
    """

    urls: Mapping[Room, str]
    passwords: Mapping[str, str] = field(repr=False)

    def __post_init__(self) -> None:
        for room, url in self.urls.items():
            _check_url(room, url)

    def environment(self, users: Iterable[AclUser]) -> dict[str, str]:
        """Returns the variables that give a child process these addresses and these users' passwords."""
        addresses = {_ADDRESSES[room].name: url for room, url in self.urls.items()}
        return addresses | {_PASSWORDS[user.name].name: self.password(user) for user in users}

    def check_complete(self, users: Iterable[AclUser]) -> None:
        """Checks that there are all addresses and passwords that a connection as these users needs.

        Raises:
            StoreError: one is missing.
        """
        for user in users:
            self.password(user)
            for room in user.rooms:
                self.url(room, user)

    def url(self, room: Room, user: AclUser) -> str:
        """Returns the address of a room.

        Raises:
            StoreError: there is none, or the user does not exist there.
        """
        if room not in user.rooms:
            raise StoreError(f"the user {user.name} does not exist in the {room} room")
        if room not in self.urls:
            raise StoreError(
                f"no address of the {room} room: set {_ADDRESSES[room].name} or {REDIS_URL.name}"
            )
        return self.urls[room]

    def password(self, user: AclUser) -> str:
        """Returns a user's password.

        Raises:
            StoreError: this process was not given it.
        """
        try:
            return self.passwords[user.name]
        except KeyError:
            raise StoreError(
                f"no password of the store's user {user.name}: set {_PASSWORDS[user.name].name}"
            ) from None


@dataclass(frozen=True)
class Settings:
    """The resolved settings of one process.

    Args:
        store: addresses and passwords.
        values: value of every variable that is set or has a default; never shown by `repr`.
    """

    store: StoreSettings
    values: Mapping[Variable, str] = field(repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], data_folder: Path | None = None) -> Settings:
        """Resolves every variable of the table.

        Args:
            environ: environment variables; an empty one counts as not set.
            data_folder: data folder of `likewise up`, for commands that have one.

        Raises:
            StoreError: an address or a path is not valid.
        """
        given = {variable: environ[variable.name] for variable in VARIABLES if environ.get(variable.name)}
        for variable in _PATHS & given.keys():
            if not Path(given[variable]).is_absolute():
                raise StoreError(f"{variable.name} must be an absolute path, so that every process finds it")
        defaults = {variable: variable.default for variable in VARIABLES if variable.default}
        values = defaults | _places(data_folder) | given
        shared = values.get(REDIS_URL, "")
        urls = {room: values.get(variable, shared) for room, variable in _ADDRESSES.items()}
        passwords = {name: values[variable] for name, variable in _PASSWORDS.items() if variable in values}
        return cls(StoreSettings({room: url for room, url in urls.items() if url}, passwords), values)

    @property
    def names_a_store(self) -> bool:
        """True if an address is set; otherwise the embedded store is meant."""
        return bool(self.store.urls)

    @property
    def pseudonym_key_file(self) -> Path:
        """The file with the keys of the pseudonyms; StoreError if it is not known."""
        return self._path(PSEUDONYM_KEY_FILE)

    @property
    def ledger_key_file(self) -> Path:
        """The file with the key that signs the ledger; StoreError if it is not known."""
        return self._path(LEDGER_KEY_FILE)

    @property
    def rollback_guard_dir(self) -> Path:
        """The folder of the records that no restore may take back; StoreError if it is not known."""
        return self._path(ROLLBACK_GUARD_DIR)

    @property
    def policy_file(self) -> Path | None:
        """The policy file; None for the packaged policy."""
        return Path(self.values[POLICY]) if POLICY in self.values else None

    def environment(self, process: Process) -> dict[str, str]:
        """Returns the variables that give a child process its own settings, and no others.

        Raises:
            StoreError: a password of one of its users is missing.
        """
        urls = {room: url for room, url in self.store.urls.items() if process in _ADDRESSES[room].readers}
        named = {
            variable.name: value
            for variable, value in self.values.items()
            if process in variable.readers and variable not in _STORE_VARIABLES
        }
        return named | StoreSettings(urls, self.store.passwords).environment(PROCESSES[process])

    def _path(self, variable: Variable) -> Path:
        if variable not in self.values:
            raise StoreError(
                f"set {variable.name} ({_lower(variable.help)}): it has no default without a data folder"
            )
        return Path(self.values[variable])


def _places(data_folder: Path | None) -> dict[Variable, str]:
    """Returns where a data folder keeps the key files and the rollback guard.

    The guard is next to the folder and not in it: a copy of the folder that is put back must not take the
    guard back as well. Every name of the folder, relative or by a symbolic link, leads to the same guard.

    Raises:
        StoreError: the folder is the root folder, or its name leads nowhere.
    """
    if data_folder is None:
        return {}
    try:
        folder = data_folder.resolve()
    except (OSError, RuntimeError):  # RuntimeError: a circle of symbolic links, before Python 3.13
        folder = data_folder
    if folder.is_symlink():
        raise StoreError(f"the data folder {data_folder} cannot be resolved to a path")
    if not folder.name:
        raise StoreError(
            f"the data folder {data_folder} is the root folder; the rollback guard must be next to it"
        )
    return {
        PSEUDONYM_KEY_FILE: str(folder / "pseudonym.key"),
        LEDGER_KEY_FILE: str(folder / "ledger.key"),
        ROLLBACK_GUARD_DIR: str(folder.with_name(f"{folder.name}.rollback-guard")),
    }


def _lower(text: str) -> str:
    return f"{text[0].lower()}{text[1:].rstrip('.')}"


def _check_url(room: Room, url: str) -> None:
    """Refuses what is no plain address; the message never repeats it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit checks a port only when it is asked for
        (parts.hostname or "").encode("idna")  # as a connection does; a UnicodeError is a ValueError
    except ValueError:
        raise StoreError(f"the address of the {room} room cannot be read; {_URL_RULE}") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise StoreError(f"the address of the {room} room holds more than an address; {_URL_RULE}")
    if any(map(str.isspace, parts.netloc)):
        raise StoreError(f"the address of the {room} room has white space in its host; {_URL_RULE}")
    network = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.path in {"", "/", "/0"}
    if not network and not (parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")):
        raise StoreError(f"the address of the {room} room is of an unknown form; {_URL_RULE}")
