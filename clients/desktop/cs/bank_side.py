"""A bank mutation and what it may pay, side by side, with every reason."""

from collections.abc import Iterator

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from clients.common.money import show_amount, show_money
from clients.desktop.cs.bank_calls import Side
from clients.desktop.cs.reasons import said
from clients.desktop.parts import SPACE, label, mark, panel
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.theme import colours
from clients.desktop.words import (
    ORDER_TINTS,
    mutation_state,
    mutation_tint,
    order_state,
    seconds_until,
    time_left,
)
from kasir.v1.booking_pb2 import ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID, Order
from kasir.v1.reconciliation_pb2 import (
    MUTATION_STATE_PROPOSED,
    MatchCandidate,
    Mutation,
    MutationAllocation,
    ProposedAllocation,
)

WAITING = (ORDER_STATE_BOOKED, ORDER_STATE_PARTLY_PAID)
LINES_SHOWN_MAX = 4
# A reason of so many nats fills its bar.
FULL_NATS = 10.0


class Weight(QWidget):
    """How much a reason speaks for the match or against it."""

    NUMBER_PX, BAR_PX, HEIGHT_PX = 56, 62, 22

    def __init__(self, weight: float) -> None:
        super().__init__()
        self._weight = weight
        self.setFixedSize(self.NUMBER_PX + self.BAR_PX, self.HEIGHT_PX)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's)
        """The number, and a bar as long as it is large."""
        worn = colours()
        ink = QColor(worn.good if self._weight > 0 else worn.bad)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(ink)
        number = QRectF(0, 0, self.NUMBER_PX - 8, self.HEIGHT_PX)
        painter.drawText(number, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._words())
        bar = QRectF(self.NUMBER_PX, 6, self.BAR_PX - 10, self.HEIGHT_PX - 12)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(worn.line))
        painter.drawRoundedRect(bar, 3, 3)
        bar.setWidth(bar.width() * min(abs(self._weight) / FULL_NATS, 1.0))
        painter.setBrush(ink)
        painter.drawRoundedRect(bar, 3, 3)
        painter.end()

    def _words(self) -> str:
        return f"{self._weight:+.1f}".replace("-", "\N{MINUS SIGN}")


class _Column(Speaking, QWidget):
    """A heading that stays and a body that is filled anew, and scrolls."""

    def __init__(self, title: str) -> None:
        super().__init__()
        frame, inside = panel()
        self.title = label("muted")
        self.say(self.title.setText, title)
        self.body = QWidget()
        self._rows = QVBoxLayout(self.body)
        self._rows.setContentsMargins(0, 0, 6, 0)
        self._rows.setSpacing(4)
        self._rows.addStretch()
        self._widgets: list[QWidget] = []
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.body)
        area.viewport().setAutoFillBackground(False)
        self.body.setAutoFillBackground(False)
        inside.addWidget(self.title)
        inside.addWidget(area, 1)
        self._bar = area.verticalScrollBar()
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(frame)

    def clear(self) -> None:
        """Empties it."""
        for each in self._widgets:
            each.hide()
            each.deleteLater()
        self._widgets.clear()

    def add(self, words: str, role: str = "", tint: str = "") -> QLabel | None:
        """A line of text; nothing for none."""
        if not words:
            return None
        made = label(role, wraps=True)
        made.setText(words)
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        if tint:
            mark(made, "tint", tint)
        self.put(made)
        return made

    def put(self, widget: QWidget) -> None:
        """Something else."""
        self._widgets.append(widget)
        self._rows.insertWidget(self._rows.count() - 1, widget)

    def scroll_by(self, pixels: int) -> None:
        """Shows what is below or above."""
        self._bar.setValue(self._bar.value() + pixels)

    def texts(self) -> list[str]:
        """What stands here, line by line."""
        return [each.text() for each in self._widgets if isinstance(each, QLabel)]


class SideBySide(Speaking, QWidget):
    """What the bank says, what it pays or may pay, and why."""

    def __init__(self) -> None:
        super().__init__()
        self.bank = _Column(marked("The bank says"))
        self.orders = _Column(marked("What it pays"))
        self.why = _Column(marked("Why"))
        columns = QHBoxLayout(self)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(SPACE)
        for column, room in ((self.bank, 4), (self.orders, 5), (self.why, 6)):
            columns.addWidget(column, room)
        self._shown: tuple[Mutation, Side | None] | None = None

    def show_mutation(self, mutation: Mutation, side: Side | None) -> None:
        """`side`: what the server says of it; None while it has not."""
        self._shown = (mutation, side)
        together = side.mutations if side else (mutation,)
        for column in (self.bank, self.orders, self.why):
            column.clear()
        self._tell_bank(together)
        self._tell_orders(mutation, together, side.orders if side else {})
        self._tell_why(together)

    def scroll_by(self, pixels: int) -> None:
        """Shows what is below or above, in every column that has more than it shows."""
        for column in (self.bank, self.orders, self.why):
            column.scroll_by(pixels)

    def retranslated(self) -> None:
        """The same in the other language."""
        if self._shown is not None:
            self.show_mutation(*self._shown)

    def _tell_bank(self, together: tuple[Mutation, ...]) -> None:
        for each in together:
            self.bank.add(show_money(each.amount), "total" if len(together) == 1 else "heading")
            value = each.value_date if each.value_date not in {"", each.date} else ""
            day = _("{date}, counts from {value}").format(date=each.date, value=value) if value else each.date
            self.bank.add(day, "muted")
            self.bank.add(each.counterparty, "heading")
            self.bank.add(each.description)
            self.bank.add(each.bank_reference, "muted")
            if each.occurrence > 1:
                self.bank.add(_("number {number} of equal rows").format(number=each.occurrence), "muted")
        if len(together) > 1:
            total = sum(each.amount.minor_units for each in together)
            words = show_amount(total, together[0].amount.currency_code)
            self.bank.add(_("Together {amount}").format(amount=words), "heading")

    def _tell_orders(
        self, mutation: Mutation, together: tuple[Mutation, ...], orders: dict[int, Order]
    ) -> None:
        column = self.orders
        pays: list[MutationAllocation | ProposedAllocation] = list(mutation.allocations)
        pays = pays or [allocation for each in together for allocation in each.proposal.allocations]
        seen: set[int] = set()
        for allocation in pays:
            self._tell_order(
                allocation, orders.get(allocation.order_id), first=allocation.order_id not in seen
            )
            seen.add(allocation.order_id)
        if mutation.credited.minor_units:
            column.add(_("Credit of the customer: {amount}").format(amount=show_money(mutation.credited)))
        others = list(dict.fromkeys(_others(together, seen)))
        if others:
            column.add(_("Or") if pays else _("Several fit equally:"), "muted")
        for order_ids, score in others:
            names = " + ".join(_order_name(number, orders.get(number)) for number in order_ids)
            column.add(_("{orders}, {points} points").format(orders=names, points=score))
        if mutation.ignore_reason:
            column.add(mutation.ignore_reason, "heading")
        elif not pays and not others:
            column.add(_("No order is known for it. Ctrl+H: say by hand which."), "muted")

    def _tell_order(
        self, pays: MutationAllocation | ProposedAllocation, order: Order | None, *, first: bool
    ) -> None:
        column = self.orders
        if first:
            column.add(_order_name(pays.order_id, order), "heading")
            if order is not None:
                left = time_left(seconds_until(order.expire_time)) if order.state in WAITING else ""
                words = f"{order_state(order.state)}, {left}" if left else order_state(order.state)
                column.add(words, tint=ORDER_TINTS.get(order.state, "warning"))
        amount = show_money(pays.amount)
        if order is not None:
            amount = _("{amount} of {payable}").format(amount=amount, payable=show_money(order.payable))
        if pays.write_off.minor_units:
            amount += ", " + _("{amount} written off").format(amount=show_money(pays.write_off))
        column.add(amount)
        if order is not None and first:
            lines = [f"{line.quantity} x {line.name}" for line in order.lines]
            more = len(lines) - LINES_SHOWN_MAX
            rest = [_("and {count} more").format(count=more)] if more > 0 else []
            column.add("\n".join(lines[:LINES_SHOWN_MAX] + rest), "muted")

    def _tell_why(self, together: tuple[Mutation, ...]) -> None:
        proposed = together[0].state == MUTATION_STATE_PROPOSED
        self.why.setVisible(proposed)
        if not proposed:
            return
        self.why.add(mutation_state(together[0]), "heading", mutation_tint(together[0]))
        proposal = together[0].proposal
        points = _("{points} points, {ahead} ahead of the next")
        self.why.add(
            points.format(points=_tenths(proposal.score_millinats), ahead=_tenths(proposal.margin_millinats)),
            "muted",
        )
        for reason in dict.fromkeys(reason for each in together for reason in each.proposal.reasons):
            words, weight = said(reason)
            row = QWidget()
            inside = QHBoxLayout(row)
            inside.setContentsMargins(0, 0, 0, 0)
            inside.setSpacing(4)
            text = label(wraps=True)
            text.setText(words)
            if weight:
                inside.addWidget(Weight(weight), 0, Qt.AlignmentFlag.AlignTop)
            else:
                inside.addSpacing(Weight.NUMBER_PX + Weight.BAR_PX + inside.spacing())
            inside.addWidget(text, 1)
            self.why.put(row)


def _others(together: tuple[Mutation, ...], chosen: set[int]) -> Iterator[tuple[tuple[int, ...], str]]:
    for each in together:
        for candidate in each.proposal.candidates:
            if set(candidate.order_ids) != chosen:
                yield tuple(candidate.order_ids), _points(candidate)


def _points(candidate: MatchCandidate) -> str:
    return _tenths(candidate.score_millinats)


def _tenths(millinats: int) -> str:
    return f"{millinats / 1000:.1f}"


def _order_name(number: int, order: Order | None) -> str:
    if order is None:
        return _("Order {number}").format(number=number)
    return _("Order {number}: {name}").format(number=number, name=order.customer_name)
