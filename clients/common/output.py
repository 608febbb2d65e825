"""What commands print: tables for people, JSON for scripts."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from clients.common.bad_input import BadInput

# Of a table that goes to a file or a pipe, in columns: wide enough that nothing wraps needlessly.
PIPE_WIDTH = 160

# Surrogates stand for bytes that were no text: no terminal takes them.
_CONTROL = dict.fromkeys(
    [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], "\N{REPLACEMENT CHARACTER}"
) | {
    0x0A: " ",
    0x09: " ",
}


def clean(text: str) -> str:
    """Text from elsewhere (a bank's line, a customer's name) without what would steer the terminal."""
    return text.translate(_CONTROL)


def state_words(enum: Any, number: int, prefix: str) -> str:
    """An enum's value as staff say it: ORDER_STATE_PARTLY_PAID is "partly paid"."""
    name: str = enum.Name(number)
    return name.removeprefix(f"{prefix}_").replace("_", " ").lower()


def state_number(enum: Any, words: str, prefix: str) -> Any:
    """The enum's value that staff call so, 0 for empty: "partly paid" or "partly-paid". Raises BadInput."""
    if not words:
        return 0
    name = f"{prefix}_{words.strip().upper().replace(' ', '_').replace('-', '_')}"
    if dict(enum.items()).get(name):
        return enum.Value(name)
    known = [state_words(enum, number, prefix).replace(" ", "-") for number in enum.values() if number]
    raise BadInput("'{text}' is none of: {known}.", text=words, known=", ".join(known))


def to_plain(value: Any) -> Any:
    """A message, or lists and dicts of messages, as protobuf's JSON mapping says, with the contract's field
    names.

    64-bit numbers are strings there, since JSON readers may hold numbers as floats; every number of that kind
    is one.
    """
    if isinstance(value, Message):
        return MessageToDict(
            value, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    if isinstance(value, dict):
        return {key: to_plain(part) for key, part in value.items()}
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return value
    return [to_plain(part) for part in value]


class Output:
    """Prints results on standard output, and what is said beside them on standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # A pipe has no width of its own, and Rich's 80 columns would fold what a script or a pager wants
        # whole.
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        self.console = Console(width=width, highlight=False)
        self.beside = Console(stderr=True, highlight=False, soft_wrap=True)

    def emit(self, value: Any, view: Callable[[], RenderableType | str]) -> None:
        """Prints `value` as one line of JSON when asked for, else what `view` makes for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(to_plain(value), ensure_ascii=False) + "\n")
            sys.stdout.flush()
        else:
            shown = view()
            self.console.print(Text(clean(shown)) if isinstance(shown, str) else shown)

    def line(self, text: str) -> None:
        """One line of a result that has no end, shown at once and never folded."""
        self.console.print(Text(clean(text)), soft_wrap=True)

    def say(self, text: str, style: str = "") -> None:
        """A remark for people, not part of the result."""
        self.beside.print(Text(clean(text), style=style))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> RenderableType:
    """A table; a column whose name begins with ">" is set to the right, as numbers are."""
    made = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        made.add_column(
            Text(clean(column.removeprefix(">"))),
            justify="right" if column.startswith(">") else "left",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*(Text(clean(cell)) for cell in row))
    return _titled(title, made)


def side_by_side(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[Sequence[str]]]
) -> RenderableType:
    """A table whose cells have several lines each, with a rule between its rows."""
    made = Table(box=box.SIMPLE_HEAD, show_lines=True)
    for column in columns:
        made.add_column(Text(clean(column)), overflow="fold")
    for row in rows:
        made.add_row(*(Text("\n".join(clean(line) for line in cell)) for cell in row))
    return _titled(title, made)


def facts(title: str, pairs: Iterable[tuple[str, str]]) -> RenderableType:
    """Names and values below one another; a pair without a value is left out."""
    made = Table(box=None, show_header=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            made.add_row(Text(name), Text(clean(value)))
    return _titled(title, made) if made.row_count else Text(clean(title), style="bold")


def _titled(title: str, made: Table) -> RenderableType:
    """Not Rich's own title: that one is folded to the width of what it stands above."""
    return Group(Text(clean(title), style="bold"), made) if title else made
