"""The fields of an order: who orders, where it goes, how it is paid."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QHBoxLayout, QLineEdit, QWidget

from clients.desktop.cs.draft import NO_ACCOUNT, Draft, DraftLine
from clients.desktop.parts import label, mark
from clients.desktop.texts import Speaking, _, marked
from clients.desktop.words import CHANNELS
from kasir.v1.common_pb2 import CHANNEL_CHAT, CHANNEL_TILL, Address
from kasir.v1.customer_pb2 import Customer
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.shipping_pb2 import Courier

# Field of the form by the path that a refusal names
_PATHS = {
    "customer_phone": "phone",
    "customer_email": "email",
    "customer_name": "name",
    "address.street": "street",
    "address.district": "district",
    "address.city": "city",
    "address.province": "province",
    "address.postal_code": "postal_code",
    "address.recipient": "name",
    "address.phone": "phone",
    "courier_service": "service",
    "shipping": "shipping",
    "expire_time": "until",
    "note": "note",
}


class OrderForm(Speaking, QWidget):
    """Typed into, it says that it changed; what it means the server says."""

    changed = Signal()
    # A phone was typed to its end, or changed
    phone_typed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.known: Customer | None = None
        # What the known customer filled in, by field
        self._filled: dict[str, str] = {}
        self._last_row = QHBoxLayout()
        self._rows = QFormLayout(self)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setVerticalSpacing(8)
        self._rows.setHorizontalSpacing(14)
        self._rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.fields: dict[str, QLineEdit] = {}
        self.phone = self._field("phone", marked("Phone"), "08123456789")
        self.who = label("muted", wraps=True)
        self._rows.addRow("", self.who)
        self._field("name", marked("Name"))
        self._field("email", marked("E-mail"), marked("for messages, if there is one"))
        self._field("street", marked("Street"), marked("empty: picked up"))
        self._field("district", marked("District"))
        self._field("province", "", marked("Province"))
        self._field("city", marked("City"))
        self._field("postal_code", "", marked("Postal code"))
        self.channel = self._choice(marked("Channel"))
        self.courier = self._choice(marked("Courier"))
        self._field("service", "", marked("Service"))
        self._field("shipping", marked("Shipping"), "18.000")
        self.account = self._choice(marked("Account"))
        self._field("until", marked("Deadline"), marked("the shop's; or +3h, 17:00"))
        self._field("note", marked("Note"))
        self.phone.textChanged.connect(self.phone_typed)
        self._offer_channels()
        self.offer([], [])

    def offer(self, couriers: Sequence[Courier], accounts: Sequence[BankAccount]) -> None:
        """What may be chosen; a choice made before stays."""
        self._couriers, self._accounts = couriers, accounts
        _fill(self.courier, [(_("none yet"), 0), *((each.code, each.courier_id) for each in couriers)])
        many = [(f"{each.bank} {each.number}", each.number) for each in accounts]
        first = [] if len(many) == 1 else [(_("choose …") if many else _("none"), "")]
        _fill(self.account, [*first, *many, (_("paid otherwise"), NO_ACCOUNT)])

    def know(self, customer: Customer | None) -> None:
        """Shows a known customer; fields that are empty are filled with what is known. What another one
        filled in is taken out, unless somebody wrote there since.
        """
        self.who.setVisible(customer is not None)
        if customer is not None:
            words = _("Known: {name}, {city}")
            self.who.setText(words.format(name=customer.name, city=customer.address.city))
        if customer == self.known:
            return
        self.known = customer
        self._write({})
        if customer is None:
            return
        known = {"name": customer.name, "email": customer.email} | {
            name: getattr(customer.address, name)
            for name in ("street", "district", "city", "province", "postal_code")
        }
        if not any(self.fields[name].text() for name in known):
            self._write(known)

    def _write(self, known: dict[str, str]) -> None:
        for name, text in self._filled.items():
            if self.fields[name].text() == text:
                self.fields[name].clear()
        self._filled = known
        for name, text in known.items():
            self.fields[name].setText(text)
            self.fields[name].setCursorPosition(0)

    def draft(self, lines: tuple[DraftLine, ...]) -> Draft:
        """All fields as they stand."""
        text = {name: field.text().strip() for name, field in self.fields.items()}
        return Draft(
            lines,
            customer_id=self.known.customer_id if self.known else 0,
            name=text["name"],
            phone=text["phone"],
            email=text["email"],
            address=Address(
                street=text["street"],
                district=text["district"],
                city=text["city"],
                province=text["province"],
                postal_code=text["postal_code"],
            ),
            channel=self.channel.currentData() or 0,
            courier_id=self.courier.currentData() or 0,
            service=text["service"],
            shipping=text["shipping"],
            account=self.account.currentData() or "",
            until=text["until"],
            note=text["note"],
        )

    def point_at(self, path: str) -> None:
        """Marks the field that a refusal names, and no other."""
        wrong = _PATHS.get(path.removeprefix("booking."), "")
        for name, field in self.fields.items():
            mark(field, "bad", "true" if name == wrong else "false")
        if wrong:
            self.fields[wrong].setFocus()

    def clear(self) -> None:
        """For the next customer; channel and account stay."""
        with QSignalBlocker(self):
            for field in self.fields.values():
                field.clear()
            self.courier.setCurrentIndex(0)
        self.know(None)
        self.point_at("")

    def retranslated(self) -> None:
        """Choices anew."""
        self._offer_channels()
        self.offer(self._couriers, self._accounts)
        self.know(self.known)

    def _offer_channels(self) -> None:
        channels = [(_(words), number) for number, words in CHANNELS.items() if number != CHANNEL_TILL]
        _fill(self.channel, channels, CHANNEL_CHAT)

    def _field(self, name: str, words: str, hint: str = "") -> QLineEdit:
        made = QLineEdit()
        self.say(made.setPlaceholderText, hint)
        made.textChanged.connect(lambda _text: self.changed.emit())
        self.fields[name] = made
        self._row(words, made)
        return made

    def _choice(self, words: str) -> QComboBox:
        made = QComboBox()
        made.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self._row(words, made)
        return made

    def _row(self, words: str, widget: QWidget) -> None:
        """A row of its own; without words, the right half of the row before."""
        if not words:
            self._last_row.addWidget(widget, 1)
            return
        self._last_row = QHBoxLayout()
        self._last_row.setSpacing(8)
        self._last_row.addWidget(widget, 1)
        name = label("muted")
        name.setMinimumHeight(38)
        name.setBuddy(widget)
        self.say(name.setText, words)
        self._rows.addRow(name, self._last_row)


def _fill(choice: QComboBox, offered: Sequence[tuple[str, Any]], otherwise: object = None) -> None:
    """Puts choices in; the one chosen before stays chosen where it is still offered."""
    before = choice.currentData() if choice.count() else otherwise
    with QSignalBlocker(choice):
        choice.clear()
        for words, value in offered:
            choice.addItem(words, value)
        choice.setCurrentIndex(max(choice.findData(before), 0))
