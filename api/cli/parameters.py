"""Types of arguments: text that is UTF-8, files that can be written, and ids that begin with a dash."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from privacy.errors import InvalidInputError


class TextType(click.types.StringParamType):
    """Text in UTF-8, whatever the locale is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the text; in the locale C, Python hands over its bytes."""
        if not isinstance(value, str):
            return value
        try:
            return os.fsencode(value).decode()
        except UnicodeEncodeError:  # a locale that has less than the text, which is decoded already
            return value
        except UnicodeDecodeError:
            self.fail("is not UTF-8; expected text in UTF-8.", param, ctx)


TEXT = TextType()


class OutputFile(click.Path):
    """A file to write, in a folder that exists; checked before any work is done.

    Args:
        is_private: it is replaced as a whole, so what is there must be a regular file, and no link or device.
    """

    def __init__(self, *, is_private: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self._is_private = is_private

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path."""
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            if not path.parent.is_dir():
                self.fail(f"{path}: the folder {path.parent} is not there; make it first.", param, ctx)
            if self._is_private and not stat.S_ISREG(path.lstat().st_mode):
                self.fail(f"{path} is no regular file; name a file, or a new one.", param, ctx)
        except FileNotFoundError:
            return path
        except OSError as error:
            self.fail(f"{path}: {error.strerror}.", param, ctx)
        return path


class AccountCommand(click.Command):
    """A command whose arguments may begin with a dash, as ids of accounts do; `-h` is an id as well."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Returns a context in which only `--help` asks for help."""
        return super().make_context(info_name, args, parent, **(extra | {"help_option_names": ["--help"]}))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parses arguments, with all that are no options behind the options."""
        options, others = _split(args, {name: option for option, name in self._named_options(ctx)})
        return super().parse_args(ctx, [*options, "--", *others] if others else options)

    def _named_options(self, ctx: click.Context) -> Iterator[tuple[click.Option, str]]:
        for option in self.get_params(ctx):
            if isinstance(option, click.Option):
                for name in (*option.opts, *option.secondary_opts):
                    yield option, name

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Adds how to name an id that looks like an option."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(
                "An id that begins with two dashes stands at the end, behind `--`. `-h` is an id here."
            )
        super().format_epilog(ctx, formatter)


def _split(args: Sequence[str], known: dict[str, click.Option]) -> tuple[list[str], list[str]]:
    """Separates options with their values from all other arguments; a single dash begins an id."""
    options: list[str] = []
    others: list[str] = []
    remaining = iter(args)
    for argument in remaining:
        name, has_value, _ = argument.partition("=")
        if argument == "--":
            others += remaining
        elif name in known or argument.startswith("--"):
            options.append(argument)
            if name in known and not has_value and not known[name].is_flag and not known[name].count:
                options += [value for value in [next(remaining, None)] if value is not None]
        else:
            others.append(argument)
    return options, others


def parse_pairs(option: str, pairs: Sequence[str]) -> dict[str, str]:
    """Returns options of the form name=value by name.

    Raises:
        InvalidInputError: one has no equals sign.
    """
    split = [pair.partition("=") for pair in pairs]
    for name, equals, _ in split:
        if not name or not equals:
            raise InvalidInputError(option, f"is {name!r}", "a name and a value, as in age_band=25-34")
    return {name: value for name, _, value in split}
