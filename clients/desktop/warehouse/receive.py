"""A delivery: scanned, counted, booked in at once."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtWidgets import QLineEdit

from clients.common.shop import Shop
from clients.common.specs import LineSpec, parse_stock_line
from clients.desktop.tables import Column
from clients.desktop.texts import _, marked
from clients.desktop.warehouse.goods import Goods, GoodsScreen
from kasir.v1.stock_pb2 import ReceiveStockRequest, ReceiveStockResponse, StockLine


class ReceiveScreen(GoodsScreen):
    """Goods that came in."""

    NAME = marked("Receive goods")
    HEARS_HIDDEN = False
    EMPTY = marked("Scan what came in, type it, or drop a CSV file here.")
    SEND = marked("Book it in  (Ctrl+Enter)")
    WORDS = marked("Each scan is one more. Ctrl+M: type how many. All lines are booked in, or none.")

    def more_columns(self) -> Sequence[Column]:
        """How many came, and how many there were."""
        return (
            Column(marked("In stock"), lambda goods: str(goods.on_hand), right=True),
            Column(marked("Came in"), lambda goods: str(goods.quantity), right=True),
        )

    def head(self) -> Sequence[QLineEdit]:
        """The delivery note."""
        self.reference = QLineEdit()
        self.reference.setFixedWidth(270)
        self.reference.setMaxLength(100)
        self.say(self.reference.setPlaceholderText, marked("Delivery note or supplier"))
        self.reference.returnPressed.connect(self.code.setFocus)
        return (self.reference,)

    def parse(self, text: str) -> LineSpec:
        """CODE or CODExQUANTITY."""
        return parse_stock_line(text)

    def send_lines(self) -> None:
        """Books all in."""
        if self.begin_sending():
            work = partial(_receive, self.place.location_id, self.lines, self.reference.text().strip())
            self.desk.calls.do(self, work, self._received, self.not_sent)

    def _received(self, units: int) -> None:
        self.reference.clear()
        self.sent(_("Booked in at {place}: {units} units.").format(place=self.place.code, units=units))


def _receive(location_id: int, goods: Sequence[Goods], reference: str, shop: Shop) -> int:
    lines = [StockLine(item_id=each.item.item_id, quantity=each.quantity) for each in goods]
    request = ReceiveStockRequest(location_id=location_id, lines=lines, reference=reference)
    shop.call(request, ReceiveStockResponse, note=f"receive {len(lines)} lines")
    return sum(each.quantity for each in goods)
