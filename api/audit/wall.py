"""Tests the wall of a running store."""

from contextlib import closing

from privacy.audit.check import ProgressCallback
from privacy.audit.report_model import Section
from privacy.audit.wall_code import PROJECT, code_section, image_section
from privacy.audit.wall_list import WallList
from privacy.audit.wall_private_server import private_server_section
from privacy.audit.wall_store import store_section
from privacy.store.connect import connect
from privacy.store.settings import StoreSettings
from privacy.store.users import PUBLIC


def wall_sections(settings: StoreSettings, on_progress: ProgressCallback) -> list[Section]:
    """Returns everything that shows the wall of a running store.

    Raises:
        InvalidInputError: the wall's list is not installed here.
        StoreError: there is no store, or this process was not given the public plane's password.
        StoreBusyError: it does not answer.
    """
    wall = WallList.read(PROJECT / "pyproject.toml")
    with closing(connect(settings, PUBLIC)) as client:
        found = [
            store_section(client, on_progress),
            private_server_section(settings, on_progress),
            code_section(wall),
            image_section(wall),
        ]
    return [section for section in found if section]
