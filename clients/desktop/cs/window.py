"""The customer service desk's window."""

from pathlib import Path

from PySide6.QtCore import QMimeData
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent

from clients.common.connection import Connection
from clients.desktop.cs.bank import BankScreen
from clients.desktop.cs.bank_import import DropSheet
from clients.desktop.cs.book import BookScreen
from clients.desktop.cs.bookings import BookingsScreen
from clients.desktop.cs.drops import DropsScreen
from clients.desktop.cs.find import FindScreen
from clients.desktop.cs.parcels import ParcelsScreen
from clients.desktop.cs.report import ReportScreen
from clients.desktop.settings import LocalSettings
from clients.desktop.texts import _, marked
from clients.desktop.window import Window
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.drop_order_pb2 import DropOrder


class CsWindow(Window):
    """Find, book, orders, Drop Orders, sales and parcels, the bank's money, the day."""

    def __init__(self, connection: Connection, settings: LocalSettings, station: str = "") -> None:
        """Raises BadInput for a line that cannot be opened."""
        super().__init__(marked("Customer service"), connection, settings, station)
        self.booking = BookScreen(self.desk)
        self.finding = FindScreen(self.desk, self._take)
        self.orders = BookingsScreen(self.desk)
        self.drops = DropsScreen(self.desk, self._take_drop_order)
        self.parcels = ParcelsScreen(self.desk)
        self.bank = BankScreen(self.desk)
        self.report = ReportScreen(self.desk)
        self.open_screens(
            (self.finding, self.booking, self.orders, self.drops, self.parcels, self.bank, self.report)
        )
        self.resize(1280, 800)
        self.setAcceptDrops(True)
        self._sheet = DropSheet(self)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's)
        """Files may be let go here, whatever screen is shown."""
        if _files(event.mimeData()):
            event.acceptProposedAction()
            self._sheet.cover(self)

    def dragLeaveEvent(self, _event: QDragLeaveEvent) -> None:  # noqa: N802 (Qt's)
        """They went elsewhere."""
        self._sheet.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's)
        """They are bank statements."""
        self._sheet.hide()
        event.acceptProposedAction()
        self.go(self.bank)
        self.bank.take_files(_files(event.mimeData()))

    def _take_drop_order(self, drop_order: DropOrder) -> None:
        self.booking.add_drop_order(drop_order)
        self.go(self.booking)

    def _take(self, item: ItemAvailability) -> None:
        self.booking.add(item)
        self.go(self.booking)
        self.desk.tell(_("{name} is in the order.").format(name=item.item.name))


def _files(dropped: QMimeData) -> list[Path]:
    """The files of this machine among what was dropped, without folders."""
    paths = (Path(url.toLocalFile()) for url in dropped.urls() if url.isLocalFile())
    return [path for path in paths if path.is_file()]
