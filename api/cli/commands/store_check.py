"""`likewise store check`: checks the logs of Redis servers that do not run, and cuts torn ends off."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from api.cli.console import show_json, write
from api.cli.options import data_folder_option, json_option
from api.http.command import ExitCode, epilog
from api.http.terminal import make_line
from privacy.embedded.append_log import AppendLog
from privacy.embedded.config import room_folders
from privacy.embedded.lock import locked, require_closed
from privacy.embedded.log_files import FILES_FOLDER
from privacy.embedded.server import redis_server_program
from privacy.embedded.usable_file import naming_faults
from privacy.errors import StoreError


@click.command(
    "check",
    epilog=epilog(
        "likewise store check --data-folder /var/lib/likewise",
        "likewise store check /var/lib/likewise/vault /var/lib/likewise/gallery",
        "likewise store check --fix /var/lib/redis",
    ),
)
@click.argument("folders", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_folder_option
@click.option("--fix", is_flag=True, help="Cut off what is torn, and nothing else.")
@json_option
@click.pass_context
def command(
    context: click.Context, folders: tuple[Path, ...], data_folder: Path, *, fix: bool, as_json: bool
) -> None:
    """Check the append-only logs of servers; exits with 1 if one is torn or damaged.

    FOLDERS are the folders `dir` of Redis servers of your own; without any, the logs of the data folder of
    `likewise up` are checked. The servers must not run: a folder is refused whose lock is held, or of whose
    log a process has a file open. A server that is killed while it writes leaves a torn transaction at the
    end of its log, which was never acknowledged; `--fix` cuts it off, and zeros that a file system has left
    there. A log that is damaged in any other way stays as it is: restore a backup.

    The framing of the log is checked: where each command, each part of it and each transaction ends. Values
    have no checksums, so bytes that a bad disk has changed inside a value are not found.
    """
    with ExitStack() as held:
        if folders:
            places, find_program = [_server_folder(place) for place in folders], _find_check_program
            to_lock = [place for place in places if (place / "lock").exists()]
        else:
            places, find_program = list(room_folders(data_folder).values()), redis_server_program
            to_lock = [place for place in places if place.is_dir()]
        for place in dict.fromkeys(to_lock):
            held.enter_context(locked(place, 0))
        for place in places:
            require_closed(place / FILES_FOLDER)
        results = [_check(place, find_program, fix=fix) for place in places]
    if as_json:
        show_json(results)
    else:
        for result in results:
            write(make_line(f"{result['folder']}: {_describe(result, fixed=fix)}"))
    healthy = all(result["fault"] is None and (fix or not result["torn_bytes"]) for result in results)
    context.exit(ExitCode.OK if healthy else ExitCode.CHECK_FAILED)


def _server_folder(named: Path) -> Path:
    """Returns the folder `dir` of a server, of which the folder of its log may have been named."""
    whole = named.resolve()
    return whole.parent if whole.name == FILES_FOLDER else whole


def _check(folder: Path, find_program: Callable[[], Path], *, fix: bool) -> dict[str, Any]:
    torn_bytes, fault = 0, None
    try:
        with naming_faults(folder):
            torn_bytes = AppendLog(folder).count_torn_bytes(find_program, fix=fix)
    except StoreError as error:
        fault = str(error)
    return {"folder": str(folder), "torn_bytes": torn_bytes, "cut": fix and torn_bytes > 0, "fault": fault}


def _describe(result: dict[str, Any], *, fixed: bool) -> str:
    if result["fault"]:
        return str(result["fault"])
    if not result["torn_bytes"]:
        return "the log is whole: its framing was checked, not its values"
    torn = f"{result['torn_bytes']} bytes of a torn transaction, which was never acknowledged,"
    return f"{torn} were cut off" if fixed else f"{torn} are at the end of the log; cut them off with --fix"


def _find_check_program() -> Path:
    """Returns the `redis-check-aof` of this machine, or the embedded one."""
    found = shutil.which("redis-check-aof")
    return Path(found) if found else redis_server_program()
