"""The warehouse's window."""

from PySide6.QtGui import QCloseEvent

from clients.common.connection import Connection
from clients.desktop.line import Changes
from clients.desktop.settings import LocalSettings
from clients.desktop.sounds import Sounds
from clients.desktop.texts import marked
from clients.desktop.warehouse.count import CountScreen
from clients.desktop.warehouse.drops import IncomingScreen, ReturnsScreen
from clients.desktop.warehouse.place import Place
from clients.desktop.warehouse.receive import ReceiveScreen
from clients.desktop.warehouse.to_buy import ToBuyScreen
from clients.desktop.window import Window
from kasir.v1.watch_pb2 import RESOURCE_SETTING


class WarehouseWindow(Window):
    """What desks ask for, what comes back, deliveries, counts, what to buy."""

    def __init__(
        self, connection: Connection, settings: LocalSettings, station: str = "", location: str = ""
    ) -> None:
        """`location`: the code of the place; else what was chosen last. Raises BadInput for a line that
        cannot be opened.
        """
        super().__init__(marked("Warehouse"), connection, settings, station)
        self.sounds = Sounds()
        self.place = Place(self.desk.calls, settings, location)
        self.incoming = IncomingScreen(self.desk, self.place, self.sounds)
        self.returns = ReturnsScreen(self.desk, self.place, self.sounds)
        self.receiving = ReceiveScreen(self.desk, self.place, self.sounds)
        self.counting = CountScreen(self.desk, self.place, self.sounds)
        self.to_buy = ToBuyScreen(self.desk)
        self.open_screens((self.incoming, self.returns, self.receiving, self.counting, self.to_buy))
        self.put_aside(self.place.choice)
        self.place.read()
        self.resize(1280, 800)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's)
        """Ends the sounds too."""
        self.sounds.close()
        super().closeEvent(event)

    def refuse_scan(self) -> None:
        """Heard in the warehouse."""
        super().refuse_scan()
        self.sounds.wrong()

    def _missed(self) -> None:
        self.place.read()
        super()._missed()

    def _changed(self, changes: Changes) -> None:
        super()._changed(changes)
        if RESOURCE_SETTING in changes:
            self.place.read()
