"""`likewise init`: sets a store up whose Redis servers are the deployment's own."""

import os
from pathlib import Path

import click
from click.core import ParameterSource

from api.cli.console import echo, show_json
from api.cli.options import json_option, policy_option, restored_option
from api.http.command import epilog
from api.http.system import clock_ms, entropy
from api.http.terminal import make_line
from api.runtime.policy_source import read_policy
from api.runtime.secret_files import write_secret_files
from api.runtime.store_keys import KeyFiles
from api.runtime.store_setup import StoreSetup
from privacy.store.settings import Settings, names_read_by
from privacy.store.users import PROCESSES, Process


@click.command(
    epilog=epilog(
        "likewise init --secrets docker/secrets     before the servers start, and after an upgrade",
        "likewise init                              once they run; needs the variables below",
        "likewise init --policy policy.toml --json  registers a new policy",
        variables=names_read_by(Process.INIT),
    )
)
@click.option(
    "--secrets",
    "secrets_folder",
    type=click.Path(file_okay=False),
    help="Write the Redis users and the passwords of each process into this folder, and do nothing else.",
)
@policy_option
@restored_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    secrets_folder: str | None,
    policy_file: Path | None,
    *,
    was_restored: bool | None,
    as_json: bool,
) -> None:
    """Set a store up: headers, pseudonym key, ledger key, policy, guarantee, erasure log.

    What exists is kept: running it again changes nothing, or registers a new policy. The servers must know
    the Redis users; `--secrets` writes their ACL files and an environment file per process. `likewise up`
    needs neither.
    """
    if secrets_folder is None:
        _set_up(policy_file, was_restored=was_restored, as_json=as_json)
        return
    if not secrets_folder:
        raise click.UsageError("--secrets needs the name of a folder.")
    if context.get_parameter_source("policy_file") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--secrets writes no policy; leave --policy out.")
    _write_secrets(Path(secrets_folder), as_json=as_json)


def _write_secrets(folder: Path, *, as_json: bool) -> None:
    is_first = not folder.exists() or not any(folder.glob("*.acl"))
    files = write_secret_files(folder, entropy)
    if as_json:
        show_json({"files": [str(file) for file in files]})
        return
    start = (
        "Start the servers with the ACL files" if is_first else "Restart the servers, so that they read them"
    )
    echo(f"{len(files)} files are in {make_line(str(folder))}. {start}.")


def _set_up(policy_file: Path | None, *, was_restored: bool | None, as_json: bool) -> None:
    source = read_policy(policy_file)
    settings = Settings.from_environment(os.environ)
    settings.store.check_complete(PROCESSES[Process.INIT])
    setup = StoreSetup(
        source,
        KeyFiles.of(settings),
        settings.rollback_guard_dir,
        clock_ms,
        entropy,
        was_restored=was_restored,
    )
    store = setup.prepare(settings.store)
    if store.rebuild:
        echo(store.rebuild.describe())
    header, version = store.header, store.registry.current.version
    if as_json:
        show_json(
            {
                "is_new": store.is_new,
                "account_shards": header.account_shards,
                "target_shards": header.target_shards,
                "policy": version,
            }
        )
        return
    shards = f"{header.account_shards} account and {header.target_shards} target shards"
    echo(
        f"The store {'is set up' if store.is_new else 'exists'} with {shards}; policy {version} is in force."
    )
