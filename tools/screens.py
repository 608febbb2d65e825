"""Takes a picture of every screen of the desktops, over a real server with a small shop in it.

    python -m tools.screens             # into docs/screens/
    python -m tools.screens --only book

Names are Faker's; nothing on the pictures is of a real person.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from faker import Faker
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QDialog, QWidget

from clients.common.client import Client
from clients.common.connection import Connection
from clients.common.specs import LineSpec
from clients.desktop import texts, theme
from clients.desktop.app import application
from clients.desktop.cs.by_hand import ByHand
from clients.desktop.cs.message_dialog import MessageDialog
from clients.desktop.cs.window import CsWindow
from clients.desktop.settings import LocalSettings
from clients.desktop.warehouse.window import WarehouseWindow
from clients.desktop.window import Window
from kasir.demo import bank_file
from kasir.v1.booking_pb2 import (
    ORDER_STATE_BOOKED,
    BookingInput,
    CreateBookingRequest,
    CreateBookingResponse,
    ListBookingsRequest,
    ListBookingsResponse,
    OrderLineInput,
)
from kasir.v1.common_pb2 import CHANNEL_CHAT, CHANNEL_WEB, Address

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "screens"
SEED = 20_261_127
PATIENCE_MS = 20_000
WORDS = (
    ("KOPI-02", "Kopi Gayo Bubuk 500 g", "Kopi", "185.000"),
    ("KOPI-03", "Kopi Toraja Biji Sangrai 1 kg, kemasan kaleng edisi Lebaran", "Kopi", "412.500"),
    ("KOPI-04", "Kopi Susu Gula Aren Botol 250 ml", "Kopi", "24.000"),
    ("TEH-03", "Teh Hijau Celup, isi 50", "Teh", "31.500"),
    ("MADU-01", "Madu Hutan Sumbawa 650 ml", "Madu", "145.000"),
)


def wait(condition: Callable[[], object]) -> None:
    """Lets the window live until the condition holds. Raises RuntimeError when it never does."""
    loop, poll = QEventLoop(), QTimer()
    poll.timeout.connect(lambda: loop.quit() if condition() else None)
    poll.start(20)
    QTimer.singleShot(PATIENCE_MS, loop.quit)
    loop.exec()
    if not condition():
        raise RuntimeError("the screen never came to be")


def rest(milliseconds: int = 250) -> None:
    """Lets what is under way be painted."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def kasir(target: str, *words: str, actor: str = "sari") -> None:
    """One command of the terminal."""
    command = [sys.executable, "-m", "kasir.cli", *words, "--server", target, "--as", actor]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server over an empty store; its address."""
    command = [sys.executable, "-m", "kasir.cli", "serve", "--data", str(folder / "shop")]
    (folder / "shop").mkdir()
    log = (folder / "log").open("wb")
    with subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log
    ) as server:
        assert server.stdout is not None
        ready = server.stdout.readline().decode()
        try:
            yield ready.removeprefix("kasir serving on ").split(" ", 1)[0]
        finally:
            server.terminate()


def furnish(target: str) -> None:
    """Items, stock and orders."""
    kasir(target, "setup", "sample")
    for sku, name, category, price in WORDS:
        kasir(target, "catalogue", "add", sku, name, "--price", price, "--category", category)
    kasir(
        target,
        "warehouse",
        "receive",
        "KOPI-01x9",
        "GULA-5x30",
        "KOPI-02x40",
        "KOPI-03x6",
        "KOPI-04x200",
        "--reference",
        "SJ-7",
    )
    fake = Faker("id_ID")
    fake.seed_instance(SEED)
    with Client(Connection(target, "sari")) as client:
        for number in range(40):
            phone = f"0812{number:08d}"
            line = OrderLineInput(location_id=1, item_id=1 + number % 2, quantity=1)
            booking = BookingInput(
                customer_name=fake.name(),
                customer_phone=phone,
                address=Address(
                    recipient=fake.name(), phone=phone, street=fake.street_address(), city=fake.city_name()
                ),
                lines=[line],
                channel=CHANNEL_CHAT if number % 3 else CHANNEL_WEB,
                bank_account_id=1,
                courier_id=1,
            )
            booking.expire_time.GetCurrentTime()
            booking.expire_time.seconds += 90 + number * 411
            client.call(CreateBookingRequest(booking=booking), CreateBookingResponse)
    for order in (3, 7, 12):
        kasir(target, "cs", "pay", str(order), "--method", "cash")
    kasir(target, "cs", "cancel", "20", "--reason", "salah barang")
    for order, amount in ((21, "50.000"), (23, "25.000")):
        kasir(target, "cs", "pay", str(order), "--amount", amount, "--method", "cash")
        kasir(target, "cs", "cancel", str(order), "--reason", "tidak jadi")
    for line, note in (
        ("KOPI-01", "Bu Sari, jam 3"),
        ("KOPI-02x2", ""),
        ("KOPI-04x6", "chat 118"),
        ("TEH-02", ""),
    ):
        kasir(target, "cs", "drop", line, "--note", note)
    kasir(target, "warehouse", "hand-over", "1", "--scan", "8991234567891")
    kasir(target, "cs", "drop", "GULA-5", "--note", "Pak Budi")
    kasir(target, "warehouse", "hand-over", "5", "--scan", "8991234500003")
    kasir(target, "cs", "release", "5")
    kasir(target, "warehouse", "reject", "4", "--reason", "kemasan penyok")


def statement(target: str, folder: Path) -> Path:
    """A bank's file of what customers sent: exactly, rounded, under another name, two orders at once."""
    with Client(Connection(target, "sari")) as client:
        orders = client.call(ListBookingsRequest(page_size=100), ListBookingsResponse).orders
    open_ = [each for each in orders if each.state == ORDER_STATE_BOOKED]
    rows = [(each.customer_name, each.payable.minor_units) for each in open_[:7]]
    rows.append((open_[8].customer_name, open_[8].payable.minor_units // 1_000_00 * 1_000_00))
    rows.append(("WARUNG KOPI SENJA", open_[9].payable.minor_units))
    rows.append((open_[10].customer_name, open_[10].payable.minor_units + open_[11].payable.minor_units))
    rows += [("SETORAN TUNAI", 75_000_00), ("BUNGA", 12_345_67)]
    day = datetime.now(timezone(timedelta(hours=7))).date()
    written = [
        bank_file.BankRow(day, f"TRSF E-BANKING CR {number:04d} {name.upper()}", amount)
        for number, (name, amount) in enumerate(rows, start=1)
    ]
    path = folder / "mutasi-bca.csv"
    account = bank_file.Account("0111222333", "TOKO CONTOH")
    path.write_bytes(bank_file.write(account, written, opening_sen=12_500_000_00))
    return path


def trade(target: str) -> None:
    """Sales at a till, and of what is paid."""
    kasir(target, "cs", "sell", "--all-paid")
    kasir(target, "warehouse", "receive", "KOPI-01x30", "KOPI-04x80", "TEH-03x20", "--location", "TOKO")
    kasir(target, "till", "open", "KASIR-1", "--cash", "500.000", actor="budi")
    for code, paid in (("KOPI-01", "cash"), ("KOPI-04x6", "cash"), ("TEH-03x3", "qr"), ("KOPI-01x2", "card")):
        tender = ("--cash", "exact") if paid == "cash" else (f"--{paid}", "APPR-1")
        kasir(target, "till", "sell", "--till", "KASIR-1", "--scan", code, *tender, actor="budi")


class Camera:
    """Takes pictures of one window."""

    def __init__(self, window: Window, only: str) -> None:
        self._frame = window
        self._only = only

    def take(self, name: str, what: QWidget | None = None) -> None:
        """Takes one picture."""
        if self._only not in name:
            return
        rest()
        PICTURES.mkdir(parents=True, exist_ok=True)
        (what or self._frame).grab().save(str(PICTURES / f"{name}.png"))
        print(PICTURES / f"{name}.png")


class CsStudio(Camera):
    """Customer service's window."""

    def __init__(self, window: CsWindow, only: str) -> None:
        super().__init__(window, only)
        self.window = window

    def find(self) -> None:
        """Found, nothing, nothing left."""
        finding = self.window.finding
        self.window.go(finding)
        self.take("cs-find-empty")
        finding.scanned("kopi")
        wait(lambda: finding.found.rowCount() > 3)
        finding.table.choose(1)
        self.take("cs-find")
        finding.scanned("madu")
        wait(lambda: finding.found.rowCount() == 1)
        self.take("cs-find-nothing-left")
        finding.scanned("teh hijau")
        wait(finding.other.isVisible)
        self.take("cs-find-instead")

    def book(self) -> None:
        """Being written, refused, done."""
        booking = self.window.booking
        self.window.go(booking)
        self.take("cs-book-empty")
        for code in ("KOPI-03", "KOPI-04", "KOPI-02"):
            before = len(booking.lines.rows)
            booking.scanned(code)
            wait(lambda before=before: len(booking.lines.rows) > before)
        booking.lines.rows[1].quantity.set_value(12)
        booking.lines.rows[2].discount.setText("10.000")
        booking.form.phone.setText("081200000005")
        wait(lambda: booking.form.known)
        booking.form.courier.setCurrentIndex(1)
        booking.form.fields["shipping"].setText("18.000")
        wait(lambda: "Rp 18.000" in booking.parts.text())
        self.take("cs-book")
        booking.lines.rows[0].quantity.set_value(60)
        booking.book()
        wait(self.window.desk.notice.isVisible)
        self.take("cs-book-refused")
        booking.lines.rows[0].quantity.set_value(1)
        booking.book()
        wait(lambda: booking.booked)
        self.take("cs-book-done")

    def drops(self) -> None:
        """Asked for, handed over, rejected."""
        drops = self.window.drops
        self.window.go(drops)
        wait(lambda: drops.asked.rowCount() == 5)
        self.take("cs-drops")
        drops.turn()
        wait(lambda: drops.asked.rowCount() == 1)
        self.take("cs-drops-return")
        drops.turn()

    def parcels(self) -> None:
        """Before the sale, after it, an airway bill entered."""
        parcels = self.window.parcels
        self.window.go(parcels)
        wait(parcels.sell_all.isEnabled)
        self.take("cs-parcels-empty")
        parcels.sell()
        wait(lambda: parcels.parcels.rowCount() == 3)
        self.take("cs-parcels-sold")
        parcels.table.choose(2)
        parcels.scanned("JP7012345678")
        wait(lambda: "JP7012345678" in self.window.desk.notice.words.text())
        parcels.print_labels()
        wait(lambda: "JP7012345678" not in self.window.desk.notice.words.text())
        self.take("cs-parcels")

    def bank(self, file: Path) -> None:
        """A statement that comes, its proposals, what is asked before all is confirmed, by hand, refunds."""
        bank = self.window.bank
        self.window.go(bank)
        wait(lambda: not self.window.desk.calls.waiting)
        self.take("cs-bank-empty")
        bank.take_files([file])
        wait(lambda: not bank.imports.under_way)
        wait(lambda: bank.mutations.rowCount() > 5)
        self.take("cs-bank-imported")
        bank.imports.close_card()
        bank.table.choose(3)
        self.take("cs-bank")
        bank.ask_to_confirm_all()
        wait(lambda: bank.findChild(QDialog))
        question = bank.findChild(QDialog)
        self.take("cs-bank-confirm", question)
        question.accept()
        wait(lambda: bank.mutations.rowCount() < 5)
        self.take("cs-bank-confirmed")
        bank.filters.choose(1)
        wait(lambda: bank.mutations.rowCount() and bank.mutations.at(0).state == 2)
        bank.table.choose(1)
        bank.by_hand()
        hand = bank.findChild(ByHand)
        wait(lambda: hand.picker.found.rowCount() > 5)
        hand.add(hand.picker.found.at(0))
        hand.add(hand.picker.found.at(1))
        hand.shares[0].amount.setText("Rp 50.000")
        hand.shares[1].amount.setText("Rp 25.000")
        self.take("cs-bank-by-hand", hand)
        hand.reject()
        bad = file.with_name("surat.csv")
        bad.write_text("Kepada Yth.\n")
        bank.take_files([bad])
        wait(lambda: not bank.imports.under_way)
        self.take("cs-bank-refused")
        bank.imports.close_card()
        bank.filters.choose(5)
        wait(bank.refunds.orders.rowCount)
        self.take("cs-bank-refunds")
        bank.filters.choose(0)

    def report(self) -> None:
        """The day in charts and as a table."""
        report = self.window.report
        self.window.go(report)
        wait(lambda: report.tally.hours)
        self.take("cs-report")
        report.turn()
        self.take("cs-report-table")
        report.turn()

    def orders(self) -> None:
        """The list, and the question before a cancellation."""
        orders = self.window.orders
        self.window.go(orders)
        wait(lambda: orders.orders.rowCount() > 30)
        orders.table.choose(2)
        self.take("cs-orders")
        orders.ask_to_cancel()
        dialog = orders.findChild(QDialog)
        self.take("cs-orders-cancel", dialog)
        dialog.reject()
        orders.ask_to_extend()
        dialog = orders.findChildren(QDialog)[-1]
        self.take("cs-orders-extend", dialog)
        dialog.reject()
        orders.show_texts()
        texts_ = orders.findChild(MessageDialog)
        wait(texts_.text.text)
        self.take("cs-orders-texts", texts_)
        texts_.reject()
        self.window.show_keys()
        keys = self.window.findChild(QDialog)
        self.take("cs-keys", keys)
        keys.reject()


class WarehouseStudio(Camera):
    """The warehouse's window."""

    def __init__(self, window: WarehouseWindow, only: str) -> None:
        super().__init__(window, only)
        self.window = window

    def drops(self) -> None:
        """What is asked for, refused, and comes back."""
        incoming, returns = self.window.incoming, self.window.returns
        wait(lambda: incoming.waiting.rowCount() == 2)
        self.take("warehouse-asked-for")
        incoming.ask_why()
        dialog = incoming.findChild(QDialog)
        self.take("warehouse-cannot-be-given", dialog)
        dialog.reject()
        incoming.scanned("GULA-5")
        wait(self.window.desk.notice.isVisible)
        self.take("warehouse-nobody-asks")
        self.window.go(returns)
        wait(lambda: returns.waiting.rowCount() == 1)
        self.take("warehouse-returns")

    def goods(self) -> None:
        """A delivery, a count, what to buy."""
        receiving, counting = self.window.receiving, self.window.counting
        self.window.go(receiving)
        self.take("warehouse-receive-empty")
        receiving.add([LineSpec("KOPI-02", 24), LineSpec("GULA-5", 60), LineSpec("TEH-03", 12)])
        receiving.reference.setText("SJ-2231")
        wait(lambda: receiving.goods.rowCount() == 3)
        self.take("warehouse-receive")
        self.window.go(counting)
        counting.add([LineSpec("KOPI-04", 193), LineSpec("KOPI-02", 40), LineSpec("GULA-5", 30)])
        wait(lambda: counting.goods.rowCount() == 3)
        counting.table.choose(0)
        self.take("warehouse-count")
        self.window.go(self.window.to_buy)
        wait(lambda: self.window.to_buy.items.rowCount() > 1)
        self.take("warehouse-to-buy")


def customer_service(target: str, folder: Path, only: str) -> None:
    """All screens of `kasir cs-desktop`."""
    settings = LocalSettings("cs-desktop")
    settings.look = "light"
    app = application("cs-desktop", settings)
    window = CsWindow(Connection(target, "sari"), settings)
    window.show()
    wait(lambda: window.desk.line.connected)
    studio = CsStudio(window, only)
    studio.find()
    studio.book()
    studio.orders()
    studio.drops()
    studio.parcels()
    studio.bank(statement(target, folder))
    trade(target)
    studio.report()
    window.go(window.orders)
    theme.wear(app, "dark")
    texts.speak("en")
    studio.take("cs-orders-dark-english")
    window.go(window.finding)
    studio.take("cs-find-dark-english")
    window.bank.filters.choose(2)
    window.go(window.bank)
    wait(window.bank.mutations.rowCount)
    studio.take("cs-bank-dark-english")
    window.go(window.report)
    studio.take("cs-report-dark-english")
    window.close()


def warehouse(target: str, only: str) -> None:
    """All screens of `kasir warehouse-desktop`."""
    kasir(target, "cs", "release", "1")
    for sku, point in (("KOPI-03", "10"), ("TEH-03", "24"), ("MADU-01", "6")):
        kasir(target, "catalogue", "change", sku, "--reorder-point", point)
    settings = LocalSettings("warehouse-desktop")
    settings.look = "light"
    application("warehouse-desktop", settings)
    window = WarehouseWindow(Connection(target, "gudang"), settings)
    window.show()
    wait(lambda: window.desk.line.connected)
    studio = WarehouseStudio(window, only)
    studio.drops()
    studio.goods()
    window.close()


def main() -> None:
    """Takes all of them, or those whose name has `--only` in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KASIR_STATE"] = str(Path(folder) / "state")
        with served(Path(folder)) as target:
            furnish(target)
            customer_service(target, Path(folder), only)
            warehouse(target, only)


if __name__ == "__main__":
    main()
