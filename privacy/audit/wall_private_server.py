"""Tries the public plane's password on the private room's server, if that is a separate one."""

from contextlib import closing
from typing import Final

from privacy.audit.check import ProgressCallback
from privacy.audit.report_model import Finding, Section
from privacy.errors import StoreBusyError, StoreError
from privacy.store.acl import AclUser, Room
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLIC, USERS

KEY: Final = "wall-private-server"


def private_server_section(settings: StoreSettings, on_progress: ProgressCallback) -> Section | None:
    """Tries to log in.

    Args:
        settings: the known rooms, and the public plane's password.
        on_progress: called as the work advances.

    Returns:
        None if the rooms share a server, or if only the gallery's server is known.

    Raises:
        StoreError: this process was not given the public plane's password.
        StoreBusyError: the server does not answer.
    """
    private = settings.urls.get(Room.PRIVATE)
    if private is None or private == settings.urls.get(Room.GALLERY):
        return None
    password = settings.password(PUBLIC)
    findings = []
    for done, user in enumerate(USERS):
        on_progress(KEY, done, len(USERS))
        findings.append(_login(private, user, password))
    on_progress(KEY, len(USERS), len(USERS))
    return Section(
        key=KEY,
        title="Wall: the private room's server",
        tried=f"Logins with the public plane's password, as each of {len(USERS)} users.",
        breaks="Any successful login.",
        confidence="Exhaustive for the declared users.",
        findings=tuple(findings),
    )


def _login(url: str, user: AclUser, password: str) -> Finding:
    settings = StoreSettings(dict.fromkeys(Room, url), {user.name: password})
    try:
        with closing(connect(settings, user)) as client, translated():
            client.ping()
    except StoreBusyError:
        raise
    except StoreError:
        refused = True
    else:
        refused = False
    return Finding(
        what=f"login as `{user.name}`",
        required="refused with the public plane's password",
        found="refused" if refused else "accepted",
        passed=refused,
    )
