"""Options and help that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from api.cli.exit_code import EXIT_CODES_HELP

DEFAULT_DATA_FOLDER: Final = Path(".likewise")

data_folder_option = click.option(
    "--data-folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DATA_FOLDER,
    show_default=True,
    help="Folder of the embedded Redis, the pseudonym key and the passwords.",
)
policy_option = click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="LIKEWISE_POLICY",
    help="Policy file; the packaged one if not given.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for machines.")


def epilog(*examples: str) -> str:
    """The end of a verb's help: examples and exit codes."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"\b\nExamples:\n{lines}\n\n{EXIT_CODES_HELP}"
