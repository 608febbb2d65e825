"""What a format consists of."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.statements.model import Statement
from server.statements.source import Source


@dataclass(frozen=True, slots=True)
class Reader:
    """One format. A new bank is one module that makes a Reader, its line in the registry, and its golden
    test.
    """

    name: str
    """E.g. "klikbca-individual"; lower case and stable, since clients name it."""
    sniff: Callable[[Sequence[str]], bool]
    """Whether a file that begins with these lines is of this format."""
    read: Callable[[Source, dt.date], list[Statement]]
    """The statements in the file, one an account; what is wrong with each stands in its `problems`.

    Raises StatementError only when nothing can be read.
    """
