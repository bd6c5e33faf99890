"""Options and arguments of the verbs that speak for staff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable


def staff_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every verb that speaks for staff: `platform_url` and `key`."""
    for option in (
        click.option(
            "--key",
            envvar="LIKEWISE_PLATFORM_KEY",
            required=True,
            help="API key of the platform plane; better in LIKEWISE_PLATFORM_KEY than here.",
        ),
        click.option(
            "--platform-url",
            envvar="LIKEWISE_PLATFORM_URL",
            default="http://127.0.0.1:8081",
            show_default=True,
            help="Where the platform plane is.",
        ),
    ):
        command = option(command)
    return command


note_option = click.option("--note", required=True, help="Why, for the audit trail. Name no person in it.")
account_argument = click.argument("account_id")
