"""Tries the public plane's password on the private room's server, where that is another one."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from privacy.audit.progress import ProgressCallback
from privacy.audit.report_model import Finding, Section
from privacy.errors import StoreBusyError, StoreError
from privacy.store.acl import AclUser, Room
from privacy.store.connect import connect, translated
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLIC, USERS

KEY: Final = "wall-apart"


def apart_section(settings: StoreSettings, told: ProgressCallback) -> Section | None:
    """Try to get in.

    Args:
        settings: the rooms, as far as they are known, and the public plane's password.
        told: about the progress.

    Returns:
        None where the rooms share a server, or only the gallery's is known: then there is nothing to try.

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
        told(KEY, done, len(USERS))
        findings.append(_login(private, user, password))
    told(KEY, len(USERS), len(USERS))
    return Section(
        key=KEY,
        title="The wall: the private room's server",
        tried=f"To log in there with the public plane's password, as each of {len(USERS)} users.",
        breaks="A login. Whatever a user of the gallery's server may do, the vault is not on it.",
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
        what=f"a login as `{user.name}`",
        required="refused with the public plane's password",
        found="refused" if refused else "let in",
        passed=refused,
    )
