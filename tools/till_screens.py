"""Takes a picture of every screen of the till, over a real server whose line is cut for some of them.

python -m tools.till_screens                 # into docs/screens/
python -m tools.till_screens --only pay --size 1024x768
"""

import argparse
import os
import tempfile
from binascii import crc_hqx
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import shiboken6
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QWidget

from clients.common.connection import Connection
from clients.desktop import texts, theme
from clients.desktop.app import application
from clients.desktop.settings import LocalSettings
from clients.desktop.till.allowing import Allowing
from clients.desktop.till.window import TillWindow
from kasir.v1.sale_pb2 import TENDER_KIND_QR
from tests.till.line import Line
from tools.screens import PICTURES, kasir, rest, served, wait

PIN = "246810"
# Of the shop, as its bank gives it
QRIS = (
    "00020101021126610014COM.GO-JEK.WWW01189360091438225844860210G8225844860303UMI51440014ID.CO.QRIS.WWW"
    "0215ID10210643584140303UMI5204581253033605802ID5911Toko Melati6010Yogyakarta61055527162070703A016304"
)
QRIS += f"{crc_hqx(QRIS.encode(), 0xFFFF):04X}"
GOODS = (
    ("KOPI-01", "Kopi Luwak Bubuk 200 g", "Kopi", "108.400"),
    ("KOPI-02", "Kopi Gayo Bubuk 500 g", "Kopi", "185.000"),
    ("KOPI-03", "Kopi Toraja Biji Sangrai 1 kg, kemasan kaleng edisi Lebaran", "Kopi", "412.500"),
    ("KOPI-04", "Kopi Susu Gula Aren Botol 250 ml", "Kopi", "24.000"),
    ("TEH-01", "Teh Melati Celup isi 25", "Teh", "12.500"),
    ("TEH-03", "Teh Hijau Celup, isi 50", "Teh", "31.500"),
    ("GULA-5", "Gula Pasir 1 kg", "Sembako", "17.500"),
    ("BERAS-5", "Beras Pandan Wangi 5 kg", "Sembako", "78.000"),
    ("MINYAK-2", "Minyak Goreng 2 L", "Sembako", "38.900"),
    ("MADU-01", "Madu Hutan Sumbawa 650 ml", "Madu", "145.000"),
    ("KRIP-01", "Keripik Singkong Balado 250 g", "Camilan", "18.000"),
    ("KRIP-02", "Keripik Tempe 200 g", "Camilan", "15.500"),
    ("SABUN-1", "Sabun Mandi Batang Sereh", "Rumah", "6.500"),
    ("MIE-01", "Mie Instan Goreng", "Sembako", "3.500"),
    ("KECAP-1", "Kecap Manis 600 ml", "Sembako", "24.900"),
    ("SUSU-01", "Susu UHT Cokelat 1 L", "Minuman", "19.800"),
    ("AIR-01", "Air Mineral 600 ml", "Minuman", "4.000"),
    ("TELUR-1", "Telur Ayam Kampung isi 10", "Sembako", "32.000"),
)


def furnish(target: str) -> None:
    """A shop with a till and goods in it."""
    kasir(target, "admin", "settings", "--shop-name", "Toko Melati", "--zone", "WIB")
    kasir(target, "setup", "location", "TOKO", "Toko Melati", "--kind", "shop")
    kasir(target, "setup", "till", "KASIR-1", "--location", "TOKO")
    for sku, name, category, price in GOODS:
        kasir(target, "catalogue", "add", sku, name, "--price", price, "--category", category)
    stock = [f"{sku}x{9 if sku == 'KOPI-03' else 60}" for sku, *_ in GOODS if sku != "MADU-01"]
    kasir(target, "warehouse", "receive", *stock, "--location", "TOKO", "--reference", "SJ-7")


class Studio:
    """The window, and the pictures taken of it."""

    def __init__(self, window: TillWindow, line: Line, only: str, mark: str) -> None:
        self.window, self.line = window, line
        self._only, self._mark = only, mark

    def take(self, name: str, what: QWidget | None = None) -> None:
        """Takes one picture."""
        name += self._mark
        if self._only not in name:
            return
        rest()
        PICTURES.mkdir(parents=True, exist_ok=True)
        (what or self.window).grab().save(str(PICTURES / f"{name}.png"))
        print(PICTURES / f"{name}.png")

    def dialog(self, name: str) -> QDialog:
        """The question that is asked, with its picture."""
        found = [each for each in self.window.findChildren(QDialog) if each.isVisible()][-1]
        self.take(name, found)
        return found

    def allow(self, name: str) -> None:
        """The manager's PIN."""
        asked = self.dialog(name)
        assert isinstance(asked, Allowing)
        asked.pin.setText(PIN)
        asked.take()
        wait(lambda: not shiboken6.isValid(asked) or not asked.isVisible())

    def opening(self) -> None:
        """Counted, opened."""
        shift = self.window.shift
        shift.entered()
        shift.begin_closing()
        for value, field in shift.opening.pieces:
            field.setText({50_000: "2", 20_000: "3", 5_000: "8"}.get(value, ""))
        self.take("till-open")
        shift.opening.take()
        wait(lambda: self.window.till.state.shift is not None)
        wait(lambda: shift.report is not None and shift.report.online)

    def fill(self, *codes: str) -> None:
        """Codes as they were scanned."""
        for code in codes:
            self.window.selling.typed(code)
        wait(lambda: self.window.selling.quote and self.window.selling.quote.online == self.line.up)

    def selling(self) -> None:
        """The cart, a discount, paying, the change."""
        selling = self.window.selling
        self.window.go(selling)
        self.take("till-sell-empty")
        self.fill("KOPI-02", "GULA-5x3", "KRIP-01x2", "KOPI-03")
        selling.view.choose(1)
        selling._discounted(1, 250_000)  # noqa: SLF001 (what the question leads to)
        self.allow("till-allow-discount")
        wait(lambda: selling.quote and selling.quote.online)
        self.take("till-sell")
        selling.goods.query.setText("kop")
        rest()
        self.take("till-search")
        selling.goods.query.clear()
        selling.ask_quantity()
        self.dialog("till-quantity").reject()
        selling.to_pay()
        self.take("till-pay")
        selling.pay.choose(TENDER_KIND_QR)
        self.take("till-customer-qris", self.window.customer_screen)
        selling.pay.amount.show_minor(30_000_000)
        selling.pay.reference.setText("QRIS-551203")
        self.take("till-pay-qris")
        selling.pay.take()
        selling.pay.choose(1)
        selling.pay.amount.show_minor(40_000_000)
        self.take("till-pay-change")
        selling.pay.take()
        wait(lambda: selling.pages.currentWidget() is selling.done)
        self.take("till-done")

    def held(self) -> None:
        """Two carts wait."""
        selling = self.window.selling
        for name, codes in (("Bu Sri, ambil susu", ("TEH-01x2", "GULA-5")), ("", ("AIR-01x6", "MIE-01x10"))):
            selling.to_cart()
            self.fill(*codes)
            before = self.window.till.state.carts
            selling._hold(name)  # noqa: SLF001 (what the question leads to)
            wait(lambda before=before: self.window.till.state.carts > before)
        self.window.go(self.window.held)
        self.take("till-held")

    def offline(self) -> None:
        """The line is cut: selling goes on, permission is asked for, the list of exceptions."""
        window, selling = self.window, self.window.selling
        window.line_screen.lease()
        wait(lambda: window.till.state.leased_units)
        self.line.cut()
        wait(lambda: not window.till.state.online)
        window.go(selling)
        selling.to_cart()
        self.fill("GULA-5")
        self.take("till-offline")
        selling.to_pay()
        selling.pay.take_exact()
        wait(lambda: selling.pages.currentWidget() is selling.done)
        self.take("till-offline-done")
        selling.to_cart()
        self.fill("KOPI-04x3")
        selling.to_pay()
        selling.pay.take_exact()
        wait(lambda: any(each.isVisible() for each in window.findChildren(QDialog)))
        self.allow("till-allow")
        wait(lambda: selling.pages.currentWidget() is selling.done)
        window.go(window.line_screen)
        self.take("till-line-offline")
        window.go(window.receipts)
        self.take("till-receipts")
        self.line.restore()
        wait(lambda: window.till.state.online and not window.till.state.waits)
        self.giving_back()
        window.go(window.line_screen)
        self.take("till-line")

    def giving_back(self) -> None:
        """Two of the first receipt's lines, one damaged; allowed; done."""
        receipts = self.window.receipts
        self.window.go(receipts)
        receipts.seek(self.window.till.till.journal.receipts(100)[-1].receipt)
        receipts.to_refund()
        page = receipts.refund
        wait(lambda: receipts.pages.currentWidget() is page and page.sale is not None)
        for key, line in (("+", 0), ("+", 1), (" ", 1)):
            page.table.choose(line)
            QTest.keyClicks(page.table, key)
        page.reason.setText("Kemasan bocor")
        wait(lambda: page.quoted is not None)
        self.take("till-refund")
        page.take()
        self.allow("till-allow-refund")
        wait(lambda: page.pages.currentWidget() is page.done)
        self.take("till-refund-done")
        receipts.to_list()

    def closing(self) -> None:
        """X, counted, Z."""
        shift = self.window.shift
        self.window.go(shift)
        wait(lambda: shift.report is not None and shift.report.online and shift.report.shift.sale_count > 1)
        self.take("till-x")
        shift.ask_cash(-1)
        self.dialog("till-cash-out").reject()
        shift.begin_closing()
        for value, field in shift.closing.pieces:
            field.setText({100_000: "5", 50_000: "2", 20_000: "2", 5_000: "6", 2_000: "1"}.get(value, ""))
        self.take("till-close")
        shift.closing.take()
        wait(lambda: shift.report is not None and shift.report.shift.HasField("close_time"))
        self.take("till-z")


def main() -> None:
    """Takes all of them, or those whose name has `--only` in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    parser.add_argument("--size", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["KASIR_STATE"] = str(Path(folder) / "state")
        with served(Path(folder)) as target:
            furnish(target)
            line = Line(target)
            kasir(line.address, "till", "approver", "budi", "--new-pin", PIN)
            settings = LocalSettings("till-desktop")
            settings.look = "light"
            app = application("till-desktop", settings)
            window = TillWindow(Connection(line.address, "siti"), settings, customer_screen=True, qris=QRIS)
            if given.size:
                window.resize(*map(int, given.size.split("x")))
            window.show()
            wait(lambda: window.screens and window.desk.line.connected)
            wait(lambda: window.selling.goods.tiles.items)
            studio = Studio(window, line, given.only, f"-{given.size}" if given.size else "")
            studio.opening()
            studio.selling()
            studio.held()
            studio.offline()
            studio.closing()
            theme.wear(app, "dark")
            texts.speak("en")
            studio.opening()
            window.go(window.selling)
            window.selling.to_cart()
            studio.fill("KOPI-02", "GULA-5x3")
            studio.take("till-sell-dark-english")
            window.close()
            line.cut()


if __name__ == "__main__":
    main()
