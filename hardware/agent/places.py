"""Where each printer stands, as the server knows it. What it said last is kept on the disk and believed while
it is away: a till's customer waits for a receipt.
"""

from clients.common.problems import BadInput
from clients.common.shop import Shop
from hardware.agent.notes import Notes
from hardware.agent.waiting import Takes


class Places:
    """The locations of an agent's printers."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._takers: list[tuple[str, Takes]] = []

    def taking(self, kinds: frozenset[int], code: str) -> Takes:
        """What a printer at the location of that code takes, as far as is known; empty is every location."""
        made = Takes(kinds, self._notes.location_id(code) if code else 0)
        self._takers.append((code, made))
        return made

    def ask(self, shop: Shop) -> None:
        """Has every printer take what the server says is its. Raises CallFailed, and BadInput for a location
        that the shop does not have: its printers take nothing.
        """
        wrong = None
        for code in {code for code, _ in self._takers if code}:
            try:
                location_id: int | None = shop.location(code).location_id
            except BadInput as unknown:
                location_id, wrong = None, unknown
            self._notes.stands_at(code, location_id)
            for each, takes in self._takers:
                if each == code:
                    takes.location_id = location_id
        if wrong is not None:
            raise wrong
