"""The customer service desk's window."""

from clients.common.connection import Connection
from clients.desktop.cs.book import BookScreen
from clients.desktop.cs.bookings import BookingsScreen
from clients.desktop.cs.drops import DropsScreen
from clients.desktop.cs.find import FindScreen
from clients.desktop.cs.parcels import ParcelsScreen
from clients.desktop.settings import LocalSettings
from clients.desktop.texts import _, marked
from clients.desktop.window import Window
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.drop_order_pb2 import DropOrder


class CsWindow(Window):
    """Find, book, orders, Drop Orders, sales and parcels."""

    def __init__(self, connection: Connection, settings: LocalSettings, station: str = "") -> None:
        """Raises BadInput for a line that cannot be opened."""
        super().__init__(marked("Customer service"), connection, settings, station)
        self.booking = BookScreen(self.desk)
        self.finding = FindScreen(self.desk, self._take)
        self.orders = BookingsScreen(self.desk)
        self.drops = DropsScreen(self.desk, self._take_drop_order)
        self.parcels = ParcelsScreen(self.desk)
        self.open_screens((self.finding, self.booking, self.orders, self.drops, self.parcels))
        self.resize(1280, 800)

    def _take_drop_order(self, drop_order: DropOrder) -> None:
        self.booking.add_drop_order(drop_order)
        self.go(self.booking)

    def _take(self, item: ItemAvailability) -> None:
        self.booking.add(item)
        self.go(self.booking)
        self.desk.tell(_("{name} is in the order.").format(name=item.item.name))
