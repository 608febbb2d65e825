"""What is seen while the day is played: bars for what goes on at once, a line for what is done."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text


class Board:
    """Bars at a terminal; lines everywhere. For many threads."""

    def __init__(self, console: Console) -> None:
        columns = (
            TextColumn("  {task.description:<28}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._console = console
        self._started = time.monotonic()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Shows the bars for as long as the day lasts."""
        with self._progress:
            yield

    def bar(self, what: str, total: int) -> Callable[..., None]:
        """A bar; returns what to call with the steps done, one when not said, or with a new total."""
        task = self._progress.add_task(what, total=total)

        def advance(steps: int = 1, *, total: int | None = None) -> None:
            if total is None:
                self._progress.advance(task, steps)
            else:
                self._progress.update(task, total=total)

        return advance

    def done(self, words: str) -> None:
        """Says what is done, and when."""
        line = Text.assemble((f"{self.seconds():5.1f} s  ", "dim"), words)
        self._console.print(line, soft_wrap=True)

    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started
