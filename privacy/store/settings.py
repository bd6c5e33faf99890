"""Where the store is and which passwords this process holds, from the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from privacy.errors import StoreError
from privacy.store.acl import AclUser, Room

_URL_RULE = (
    "write redis://host:port, rediss://host:port (TLS) or unix:///path, without user, password or query"
)


@dataclass(frozen=True)
class StoreSettings:
    """Addresses of the rooms and the passwords this process was given.

    | variable                       | meaning                                                     |
    |--------------------------------|-------------------------------------------------------------|
    | `LIKEWISE_REDIS_URL`           | the Redis of every room that has none of its own            |
    | `LIKEWISE_VAULT_URL`           | the Redis of vault and tally                                |
    | `LIKEWISE_GALLERY_URL`         | the Redis of the gallery                                    |
    | `LIKEWISE_<USER>_PASSWORD`     | password of a user of `privacy.store.users`, as PUBLIC      |

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

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], users: Iterable[AclUser]) -> StoreSettings:
        """Read the variables above.

        Raises:
            StoreError: an address is not one.
        """
        shared = environment.get("LIKEWISE_REDIS_URL", "")
        urls = {
            Room.PRIVATE: environment.get("LIKEWISE_VAULT_URL", shared),
            Room.GALLERY: environment.get("LIKEWISE_GALLERY_URL", shared),
        }
        passwords = {user.name: environment.get(_password_variable(user), "") for user in users}
        return cls(
            urls={room: url for room, url in urls.items() if url},
            passwords={name: password for name, password in passwords.items() if password},
        )

    def environment(self, users: Iterable[AclUser]) -> dict[str, str]:
        """Return the variables that give a child process these addresses and these users' passwords."""
        names = {Room.PRIVATE: "LIKEWISE_VAULT_URL", Room.GALLERY: "LIKEWISE_GALLERY_URL"}
        addresses = {names[room]: url for room, url in self.urls.items()}
        return addresses | {_password_variable(user): self.password(user) for user in users}

    def url(self, room: Room, user: AclUser) -> str:
        """Return the address of a room.

        Raises:
            StoreError: there is none, or the user does not exist there.
        """
        if room not in user.rooms:
            raise StoreError(f"the user {user.name} does not exist in the {room} room")
        if room not in self.urls:
            variable = "LIKEWISE_GALLERY_URL" if room is Room.GALLERY else "LIKEWISE_VAULT_URL"
            raise StoreError(f"no address of the {room} room: set {variable} or LIKEWISE_REDIS_URL")
        return self.urls[room]

    def password(self, user: AclUser) -> str:
        """Return a user's password.

        Raises:
            StoreError: this process was not given it.
        """
        try:
            return self.passwords[user.name]
        except KeyError:
            raise StoreError(
                f"no password of the store's user {user.name}: set {_password_variable(user)}"
            ) from None


def _password_variable(user: AclUser) -> str:
    return f"LIKEWISE_{user.name.upper()}_PASSWORD"


def _check_url(room: Room, url: str) -> None:
    """Refuse what is no plain address; the message never repeats it, as it may hold a password."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit checks a port only when it is asked for
    except ValueError:
        raise StoreError(f"the address of the {room} room cannot be read; {_URL_RULE}") from None
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise StoreError(f"the address of the {room} room holds more than an address; {_URL_RULE}")
    network = parts.scheme in {"redis", "rediss"} and parts.hostname and parts.path in {"", "/", "/0"}
    if not network and not (parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/")):
        raise StoreError(f"the address of the {room} room is of an unknown form; {_URL_RULE}")
