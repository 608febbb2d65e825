"""Which accounts' statements are on their way into the engine, so that nothing rests on half a file."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Arriving:
    """The accounts whose rows are being imported. Used from one event loop."""

    def __init__(self) -> None:
        self._imports: Counter[int] = Counter()

    @contextmanager
    def rows_of(self, bank_account_id: int) -> Iterator[None]:
        """While it is entered, more rows of the account come."""
        self._imports[bank_account_id] += 1
        try:
            yield
        finally:
            self._imports[bank_account_id] -= 1

    def __contains__(self, bank_account_id: int) -> bool:
        return self._imports[bank_account_id] > 0
