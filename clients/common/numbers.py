"""Numbers as people type them: whole, in digits, and never larger than the contract can carry.

`str.isdigit` is no help here: it is true of "²", which `int` cannot read.
"""

from typing import Any

import typer

from clients.common.output import clean
from clients.common.problems import BadInput

# The contract's whole numbers have 64 bits; ids are counted up from 1, so that none is beyond this.
WHOLE_MAX = 2**63 - 1
# Of what was typed so much is repeated.
SHOWN_MAX = 40
_DIGITS_MAX = len(str(WHOLE_MAX))


def parse_whole(text: str) -> int | None:
    """A whole number of zero or more in ASCII digits; None for anything else, and for one too large."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        return None
    value = int(text)
    return value if value <= WHOLE_MAX else None


def parse_id(text: str, what: str = "") -> int:
    """The number by which something is called; `what` that is. Raises BadInput for what never was one."""
    value = parse_whole(text)
    if not value:
        text = _shown(text)
        if what:
            raise BadInput(
                "'{text}' is not the number of a {what}: they are 1, 2, 3 and so on.", text=text, what=what
            )
        raise BadInput("'{text}' is no such number: they are 1, 2, 3 and so on.", text=text)
    return value


def id_argument(help_: str, **more: Any) -> Any:
    """A command's argument that is an id, or several."""
    return typer.Argument(parser=_typed, help=help_, **more)


def id_option(name: str, help_: str, **more: Any) -> Any:
    """A command's option that takes an id."""
    return typer.Option(name, parser=_typed, metavar="N", help=help_, **more)


def _typed(text: str) -> int:
    """What Typer calls; a ValueError would be told as one."""
    try:
        return parse_id(text)
    except BadInput as wrong:
        raise typer.BadParameter(str(wrong)) from wrong


def _shown(text: str) -> str:
    text = clean(text)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"
