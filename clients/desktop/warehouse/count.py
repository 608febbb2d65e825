"""Counting: what lies there is held against the books, and the books are corrected."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PySide6.QtWidgets import QLineEdit

from clients.common.shop import Shop
from clients.common.specs import LineSpec, hides_a_quantity, parse_count
from clients.common.stock_count import Counted, correct, on_hand
from clients.desktop.line import Changes
from clients.desktop.tables import Column
from clients.desktop.texts import _, marked
from clients.desktop.warehouse.goods import Goods, GoodsScreen, tinted
from kasir.v1.catalogue_pb2 import ItemAvailability
from kasir.v1.watch_pb2 import RESOURCE_STOCK


def _difference(goods: Goods) -> str:
    if goods.moved:
        return _("count again")
    return f"{goods.quantity - goods.on_hand:+}" if goods.quantity != goods.on_hand else "✓"


def _difference_tint(goods: Goods) -> str:
    if goods.moved:
        return "warning"
    return "good" if goods.quantity == goods.on_hand else "bad"


class CountScreen(GoodsScreen):
    """What was counted, beside what should be there. An item that is sold or moved while it is counted has to
    be counted again: nobody knows whether it was counted before or after.
    """

    NAME = marked("Count stock")
    LEAST = 0
    EMPTY = marked("Scan what lies there, one by one, or type CODExQUANTITY; CODEx0 where there is none.")
    SEND = marked("Correct the books  (Ctrl+Enter)")
    WORDS = marked("Each scan is one more. Ctrl+M: type how many there are. Only what differs is corrected.")

    def more_columns(self) -> Sequence[Column]:
        """The books, the count, and what differs."""
        return (
            Column(marked("In the books"), lambda goods: str(goods.on_hand), right=True, tint=tinted),
            Column(marked("Counted"), lambda goods: str(goods.quantity), right=True),
            Column(marked("Differs"), _difference, right=True, tint=_difference_tint),
        )

    def head(self) -> Sequence[QLineEdit]:
        """Why."""
        self.reason = QLineEdit()
        self.reason.setFixedWidth(270)
        self.reason.setMaxLength(200)
        self.say(self.reason.setPlaceholderText, marked("Remark, like: count of Friday"))
        self.reason.returnPressed.connect(self.code.setFocus)
        return (self.reason,)

    def parse(self, text: str) -> LineSpec:
        """CODExQUANTITY; a bare CODE is one."""
        return parse_count(text) if _has_quantity(text) else LineSpec(text)

    def renewed(self, before: Goods | None, now: Goods) -> Goods:
        """The books of the first scan stay: what moved since then shows."""
        if before is None:
            return now
        return replace(before, quantity=now.quantity, moved=before.moved or before.on_hand != now.on_hand)

    def changed(self, changes: Changes) -> None:
        """Books that change under a count."""
        for item_id in changes.get(RESOURCE_STOCK, set()) & self.goods.idents:
            work = partial(_read, item_id)
            self.desk.calls.look(self, work, self._moved, latest=f"item {item_id}")

    def send_lines(self) -> None:
        """Corrects the books, when nothing has to be counted again."""
        again = [goods.item.sku for goods in self.lines if goods.moved]
        if again:
            self.sounds.wrong()
            words = _("These moved while they were counted; count them again: {items}.")
            self.desk.notice.show_words(words.format(items=", ".join(again)), bad=True)
            return
        if self.begin_sending():
            counts = [Counted(goods.item, goods.quantity, goods.on_hand) for goods in self.lines]
            reason = self.reason.text().strip() or _("count")
            work = partial(_correct, self.place.location_id, counts, reason)
            self.desk.calls.do(self, work, self._corrected, self.not_sent)

    def _moved(self, item: ItemAvailability) -> None:
        goods = self.goods.at(self.goods.row_of(item.item.item_id))
        if goods is not None and goods.on_hand != on_hand(item, self.place.location_id):
            self.goods.renew(replace(goods, moved=True))

    def _corrected(self, differed: int) -> None:
        self.reason.clear()
        words = _("All as in the books.") if not differed else _("Items corrected: {count}.")
        self.sent(words.format(count=differed))


def _has_quantity(text: str) -> bool:
    head, mark, tail = text.rpartition("x")
    return bool(head and mark and tail.isdecimal()) or hides_a_quantity(text)


def _read(item_id: int, shop: Shop) -> ItemAvailability:
    return shop.item_by_id(item_id)


def _correct(location_id: int, counts: Sequence[Counted], reason: str, shop: Shop) -> int:
    return len(correct(shop, location_id, counts, reason))
