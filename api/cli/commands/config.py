"""`likewise config`: prints the settings, resolved or as the tables of the documentation."""

import os
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from api.cli.console import show, show_json, write
from api.cli.options import data_folder_option, json_option
from api.http.command import epilog
from privacy.store.settings import VARIABLES, Settings, Variable
from privacy.store.users import PROCESSES


@click.command(
    epilog=epilog(
        "likewise config",
        "likewise config --data-folder /var/lib/likewise --json",
        "likewise config --markdown      the tables of docs/operating.md",
    )
)
@data_folder_option
@json_option
@click.option("--markdown", is_flag=True, help="Print the tables of the documentation instead.")
def command(data_folder: Path, *, as_json: bool, markdown: bool) -> None:
    """Print every environment variable with the value that is in force here.

    Of passwords and API keys it prints only whether they are set.
    """
    if markdown:
        write(f"{variables_table()}\n\n{users_table()}")
        return
    settings = Settings.from_environment(os.environ, data_folder)
    if as_json:
        show_json([_document(settings, variable) for variable in VARIABLES])
        return
    table = Table("variable", "value", "meaning")
    for variable in VARIABLES:
        table.add_row(variable.name, _shown(settings, variable), variable.help)
    show(table)


def variables_table() -> str:
    """Returns the table of all variables in Markdown."""
    rows = [
        f"| `{variable.name}` | {variable.help} | {_default(variable)} | {', '.join(variable.readers)} |"
        for variable in VARIABLES
    ]
    return "\n".join(["| variable | meaning | if not set | read by |", "|---|---|---|---|", *rows])


def users_table() -> str:
    """Returns the table of the Redis users of each process in Markdown."""
    rows = [
        f"| {process} | {', '.join(f'`{user.name}`' for user in users)} |"
        for process, users in PROCESSES.items()
    ]
    return "\n".join(["| process | Redis users |", "|---|---|", *rows])


def _default(variable: Variable) -> str:
    default = variable.default or variable.in_data_folder
    return f"`{default}`" if default else ""


def _shown(settings: Settings, variable: Variable) -> str:
    value = settings.values.get(variable)
    if value is None:
        return "not set"
    return "set" if variable.is_secret else value


def _document(settings: Settings, variable: Variable) -> dict[str, Any]:
    value = settings.values.get(variable)
    return {
        "name": variable.name,
        "is_set": value is not None,
        "value": None if variable.is_secret else value,
        "help": variable.help,
        "read_by": list(variable.readers),
    }
