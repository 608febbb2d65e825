"""What a server did to its disk, as recorder.c wrote it down, and what a power cut may have left of it.

Nothing is taken for durable that was not asked for: of what was written since a file's last sync, each sector
is there or not, a cut of its length happened or not, and a name was made, changed or removed only for certain
once its directory was synced.
"""

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests import preload

HEAD = struct.Struct("<5Q2I")
SECTOR = 512
CREATED, WROTE, SYNCED, CUT, RENAMED, REMOVED = "owscru"
# The directory's own name in a record.
DIRECTORY = ""
# LMDB's lock file means nothing once those who have it open are gone.
NOT_KEPT = frozenset({"lock.mdb"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call that changed the disk. Times are `time.monotonic_ns`; `file` is the file's number, whatever
    its name, and 0 the directory's; `other` is the name after a rename.
    """

    kind: str
    name: str
    file: int
    begin: int
    end: int
    offset: int = 0
    length: int = 0
    data: bytes = b""
    other: str = ""

    @property
    def point(self) -> tuple[str, str]:
        """The place in the program, nearly: kind and the file's name."""
        return self.kind, self.other or self.name or "."


def recorder(into: Path) -> Path:
    """recorder.c, as a library for LD_PRELOAD."""
    return preload.built(Path(__file__).with_name("recorder.c").read_text(), into)


def recorded(path: Path) -> list[Call]:
    """The calls in the order in which they ended."""
    record = path.read_bytes()
    calls: list[Call] = []
    files = {DIRECTORY: 0}
    at = made = 0
    while at < len(record):
        begin, end, offset, length, size, kind, name_size = HEAD.unpack_from(record, at)
        at += HEAD.size
        name, *other = record[at : at + name_size].decode().split("\0")
        data = record[at + name_size : at + name_size + size]
        at += name_size + size
        if chr(kind) == CREATED or name not in files:
            files[name] = made = made + 1
        call = Call(chr(kind), name, files[name], begin, end, offset, length, data, *other)
        calls.append(call)
        if call.kind == RENAMED:
            files[call.other] = files.pop(name)
        elif call.kind == REMOVED:
            del files[name]
    return calls


@dataclass
class Content:
    """What a file holds."""

    data: bytearray = field(default_factory=bytearray)

    def write(self, at: int, data: bytes | memoryview) -> None:
        """Puts bytes at a place; what lies between the old end and it is zero."""
        end = at + len(data)
        if len(self.data) < end:
            self.data.extend(bytes(end - len(self.data)))
        self.data[at:end] = data

    def cut(self, length: int) -> None:
        """Gives the file another length."""
        del self.data[length:]
        self.data.extend(bytes(length - len(self.data)))


def _sectors(call: Call) -> Iterator[tuple[int, memoryview]]:
    data, at = memoryview(call.data), 0
    while at < len(data):
        size = min(SECTOR - (call.offset + at) % SECTOR, len(data) - at)
        yield call.offset + at, data[at : at + size]
        at += size


def _nothing(_: Call) -> bool:
    return False


class PowerCut:
    """A power cut in the moment `at` of a recording. `kept` is how likely a change is there that nothing made
    durable; syncs that `idle` says yes to did nothing: the negative controls.
    """

    def __init__(
        self,
        calls: list[Call],
        at: int,
        kept: float,
        dice: random.Random,
        idle: Callable[[Call], bool] = _nothing,
    ) -> None:
        self.kept, self.dice = kept, dice
        self.calls = [call for call in calls if call.begin <= at]
        self.synced: dict[int, int] = {}
        for call in self.calls:
            if call.kind == SYNCED and call.end <= at and not idle(call):
                self.synced[call.file] = max(self.synced.get(call.file, 0), call.begin)

    def _is_durable(self, call: Call, file: int) -> bool:
        return call.end <= self.synced.get(file, 0)

    def _is_there(self, call: Call, file: int) -> bool:
        return self._is_durable(call, file) or self.dice.random() < self.kept

    def files(self) -> dict[str, bytes]:
        """Names and contents as they are found afterwards."""
        contents: dict[int, Content] = {}
        names: dict[str, int] = {}
        for call in self.calls:
            if call.kind in (CREATED, RENAMED, REMOVED):
                self._name(names, call)
            if call.kind == CREATED:
                contents[call.file] = Content()
            elif call.kind == WROTE:
                self._write(contents[call.file], call)
            elif call.kind == CUT and self._is_there(call, call.file):
                contents[call.file].cut(call.length)
        return {name: bytes(contents[file].data) for name, file in names.items() if name not in NOT_KEPT}

    def _name(self, names: dict[str, int], call: Call) -> None:
        if not self._is_there(call, 0):
            return
        if names.get(call.name) == call.file:
            del names[call.name]
        if call.kind != REMOVED:
            names[call.other or call.name] = call.file

    def _write(self, content: Content, call: Call) -> None:
        if self._is_durable(call, call.file):
            content.write(call.offset, call.data)
            return
        for at, part in _sectors(call):
            if self.dice.random() < self.kept:
                content.write(at, part)


def lay_down(files: dict[str, bytes], directory: Path) -> None:
    """Makes a directory of them."""
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)


def on_disk(directory: Path) -> dict[str, bytes]:
    """A directory's files, as `PowerCut.files` gives them."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name not in NOT_KEPT}
