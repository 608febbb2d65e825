"""Which warehouse this window is of."""

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QComboBox

from clients.desktop.calls import Calls
from clients.desktop.settings import LocalSettings
from kasir.v1.stock_pb2 import LOCATION_KIND_WAREHOUSE, Location


class Place(QObject):
    """The location whose goods are handed over, received and counted; remembered by this machine."""

    # Another one, or that there is none
    changed = Signal()

    def __init__(self, calls: Calls, settings: LocalSettings, code: str) -> None:
        """`code`: asked for; else what was chosen last, else the first warehouse."""
        super().__init__()
        self._calls = calls
        self._settings = settings
        self._wanted = code or settings.place
        # Whether the server said which there are
        self.known = False
        self.choice = QComboBox()
        self.choice.activated.connect(self._chosen)

    @property
    def location_id(self) -> int:
        """0 while no warehouse is known."""
        return int(self.choice.currentData() or 0)

    @property
    def code(self) -> str:
        """Of the location; empty while none is known."""
        return self.choice.currentText()

    def read(self) -> None:
        """Reads which warehouses there are."""
        self._calls.look(self, lambda shop: list(shop.locations), self._offer, latest="places")

    def _offer(self, places: Sequence[Location]) -> None:
        before, known = self.location_id, self.known
        self.known = True
        self.choice.clear()
        for place in places:
            # A shop may hand over too, when somebody says so.
            if place.kind == LOCATION_KIND_WAREHOUSE or place.code.lower() == self._wanted.lower():
                self.choice.addItem(place.code, place.location_id)
        found = [self.choice.itemText(row).lower() for row in range(self.choice.count())]
        wanted = self._wanted.lower()
        self.choice.setCurrentIndex(found.index(wanted) if wanted in found else 0)
        if self.location_id != before or not known:
            self.changed.emit()

    def _chosen(self) -> None:
        self._wanted = self.code
        self._settings.place = self.code
        self.changed.emit()
