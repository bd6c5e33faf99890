"""Files of keys: JSON with a check value, which name the store that their keys are of once that is set up.

Keys that work with no store, or with another one, are then recognised.
"""

import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

from privacy.errors import StoreError
from privacy.store.credentials import create_private, read_private
from privacy.store.file_change import change_private

_CHECK: Final = "check"


class KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The content of a file of keys. Its other members are those of its kind.

    Args:
        store: id of the store that the keys are of; None before that is set up.
    """

    store: str | None = None


Content = TypeVar("Content", bound=KeyFile)


@dataclass(frozen=True)
class KeyFileKind(Generic[Content]):
    """A kind of key files.

    Args:
        content: type of the content.
        check: raises ValueError or StoreError if a content holds no keys.
        what: name of the kind, for messages.
        rule: what is wrong with another content, and what a valid file holds, for messages.
    """

    content: type[Content]
    check: Callable[[Content], object]
    what: str
    rule: str

    def read(self, path: Path) -> Content:
        """Returns the content of a file.

        Raises:
            StoreError: it is missing, readable by others, or holds no keys; the message repeats none.
        """
        return read_private(path, self.what, self._parse, self.rule)

    def create(self, path: Path, content: Callable[[], Content]) -> None:
        """Creates a file unless there is one already, and checks the one that is there then.

        Raises:
            StoreError: the folder does not allow it, or as `read`.
        """
        if not path.exists():
            create_private(path, _encode(content()))
        self.read(path)

    def change(self, path: Path, change: Callable[[Content], Content]) -> Content:
        """Changes a file, and returns its content on return.

        Raises:
            StoreBusyError: another process changes the file. Do it again.
            StoreError: as `read`, or it cannot be written.
        """
        return change_private(path, self.read, change, _encode)

    def name_store(self, path: Path, store_id: str) -> None:
        """Writes the id of the store of the keys into their file, as the last step of setting that up.

        Raises:
            StoreBusyError: another process changes the file. Do it again.
            StoreError: as `change`, or the file names another store.
        """

        def name(known: Content) -> Content:
            if known.store not in {None, store_id}:
                raise StoreError(f"{path} holds the key of another store, which was named just now")
            return msgspec.structs.replace(known, store=store_id)

        self.change(path, name)

    def _parse(self, text: bytes) -> Content:
        """Returns the content of a text.

        Without a check value it was written by hand, or by an older version.

        Raises:
            ValueError: it is damaged: other keys would find nothing of what was stored under the right ones.
            StoreError: it holds no keys.
        """
        members = msgspec.json.decode(text, type=dict[str, object])
        check = members.pop(_CHECK, None)
        content = msgspec.convert(members, self.content)
        if check not in {None, _compute_check_value(content)}:
            raise ValueError(_CHECK)
        self.check(content)
        return content


def _encode(content: KeyFile) -> str:
    """Returns the text of a file: a JSON object that ends with a check value of all before it."""
    text = msgspec.json.encode(content).decode()
    return f'{text.removesuffix("}")},"{_CHECK}":"{_compute_check_value(content)}"}}{os.linesep}'


def _compute_check_value(content: KeyFile) -> str:
    return f"{zlib.crc32(msgspec.json.encode(content)):08x}"
