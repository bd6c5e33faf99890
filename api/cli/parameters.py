"""Types of arguments: text that is UTF-8, files that can be written, and ids that begin with a dash."""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import click

from api.http.caller import split_list
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


class TextListType(TextType):
    """Texts separated by commas, at least one; returned in order, each once."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the texts."""
        texts = split_list(super().convert(value, param, ctx))
        if not texts:
            self.fail("lists nothing; expected one or more, separated by commas.", param, ctx)
        return texts


TEXT = TextType()
TEXT_LIST = TextListType()


STDOUT: Final = Path("-")
"""What an `OutputFile` that may be it stands for."""


class OutputFile(click.Path):
    """A file to write, in a folder that exists; checked before any work is done.

    Args:
        is_private: it is replaced as a whole, so what is there must be a regular file, and no link or device.
        may_be_stdout: whether `-` stands for stdout; otherwise it is refused.
    """

    def __init__(self, *, is_private: bool = False, may_be_stdout: bool = False) -> None:
        super().__init__(dir_okay=False, path_type=Path)
        self._is_private = is_private
        self._may_be_stdout = may_be_stdout

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the path.

        Raises:
            OSError: this machine does not let it be written.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if os.fspath(value) == str(STDOUT):
            if not self._may_be_stdout:
                self.fail("- is not stdout here; name a file (./- is one named -).", param, ctx)
            return STDOUT
        path = path.absolute() if path == STDOUT else path
        if not path.parent.is_dir():
            self.fail(f"{path}: the folder {path.parent} is not there; make it first.", param, ctx)
        mode = _read_mode(path)
        if self._is_private and mode and not stat.S_ISREG(mode):
            self.fail(f"{path} is no regular file; name a file, or a new one.", param, ctx)
        _require_writable(path, is_new=self._is_private or not mode)
        return path


def _read_mode(path: Path) -> int:
    """Returns type and rights of what is at a path; 0 if nothing is."""
    try:
        return path.lstat().st_mode
    except FileNotFoundError:
        return 0


def _require_writable(path: Path, *, is_new: bool) -> None:
    """Tries to write a file, and leaves no trace; what is no regular file is not touched.

    Raises:
        OSError: it cannot be written.
    """
    try:
        if is_new:
            TemporaryFile(dir=path.parent).close()
        elif path.is_file():
            path.open("ab").close()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


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
