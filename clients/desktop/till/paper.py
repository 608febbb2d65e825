"""Receipts on paper without the server: by the agent of this machine, which prints each once."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject

from clients.common.problems import CallFailed
from clients.common.station import Station
from clients.desktop.calls import Failure
from clients.desktop.texts import _
from clients.desktop.till.work import TillDesk
from clients.till.journal import Entry
from clients.till.till import Till
from kasir.v1.station_pb2 import (
    RECEIPT_OUTCOME_PRINTED,
    RECEIPT_OUTCOME_UNKNOWN,
    PrintReceiptResponse,
)

# What became of it, and whether that is bad
Told = Callable[[str, bool], None]


class ReceiptPaper(QObject):
    """Asks the agent at a station; without a station it says so."""

    def __init__(self, till: TillDesk, station: str, parent: QObject) -> None:
        super().__init__(parent)
        self._till, self._station = till, station

    def give(self, entry: Entry, told: Told) -> None:
        """Prints the receipt of an entry, unless it was printed already."""
        if not self._station:
            told(_("No printer is at this till: write the receipt's number down."), True)
            return
        work = partial(_print, entry, self._station)
        self._till.look(self, work, partial(_outcome, told), partial(_broken, told))


def _print(entry: Entry, address: str, till: Till) -> PrintReceiptResponse | str:
    """What the agent says, or why it says nothing."""
    sale = entry.receipt_sale
    sale.sale_id = entry.sale_id
    with Station(address) as station:
        try:
            return station.print_receipt(sale, till.settings, till.record)
        except CallFailed as failed:
            return failed.message


def _outcome(told: Told, said: PrintReceiptResponse | str) -> None:
    if isinstance(said, str):
        told(_("No receipt was printed: {why}").format(why=said), True)
    elif said.outcome == RECEIPT_OUTCOME_PRINTED:
        told(_("The receipt is printed."), False)
    elif said.outcome == RECEIPT_OUTCOME_UNKNOWN:
        told(
            _("Look at the printer: nobody knows whether the receipt came out. {why}").format(
                why=said.detail
            ),
            True,
        )
    else:
        told(_("No receipt was printed: {why}").format(why=said.detail), True)


def _broken(told: Told, failure: Failure) -> None:
    told(failure.words, True)
