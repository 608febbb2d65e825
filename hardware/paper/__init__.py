"""Paper: order slip, sales and refund receipt, shift report, pick-up manifest (thermal printers), address
label (label printers).

Pure functions from the contract's messages to bytes: no clock, no network, no printer. Text on paper is
Indonesian.

    slip = order_slip(order, settings, account, courier)
    slip.escpos()    bytes for an 80 mm thermal printer
    slip.png()       what the customer or a screen sees

    label = address_label(parcel, order, settings, courier)
    label.zpl()      bytes for a 203 dpi label printer that speaks ZPL
    label.tspl()     the same for one that speaks TSPL
    label.pdf()      one page of 100 x 150 mm; `labels_pdf` puts many labels into one file
    label.png()

    manifest_pages(manifest, settings, courier)  pages of A4, for an office printer
    item_label(item)  likewise, 50 x 30 mm: name, price, bar code

Whatever cannot be rendered raises `PaperError` with plain words. Everything that a message holds is printed:
what is long wraps or shrinks, and what a printer has no letters for is sent as a picture.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from google.protobuf.timestamp_pb2 import Timestamp

from hardware.paper import label as _label
from hardware.paper import label_item, label_png, label_tspl, label_zpl, preview, receipt_html, slips, thermal
from hardware.paper import manifest as _manifest
from hardware.paper.document import COLUMNS, Document, Line, Rule, lay_out
from hardware.paper.errors import PaperError
from hardware.paper.logo import Logo
from hardware.paper.marks import Mark, Size
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import Order
from kasir.v1.catalogue_pb2 import Item
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.sale_pb2 import Sale
from kasir.v1.shipping_pb2 import Courier, Manifest, Parcel
from kasir.v1.till_pb2 import Refund, Shift, Till

__all__ = [
    "Label",
    "Logo",
    "Paper",
    "PaperError",
    "address_label",
    "item_label",
    "labels_pdf",
    "manifest_pages",
    "order_slip",
    "pickup_manifest",
    "refund_receipt",
    "sales_receipt",
    "shift_report",
]


@dataclass(frozen=True, slots=True)
class Paper:
    """A slip, receipt or report, ready to be rendered."""

    document: Document

    def with_logo(self, logo: Logo | None) -> "Paper":
        """The same paper with the shop's logo at its head; itself without one."""
        if logo is None:
            return self
        return Paper(replace(self.document, elements=(logo, *self.document.elements)))

    def escpos(self) -> bytes:
        """ESC/POS for a thermal printer of the paper's width: a complete job, from reset to cut."""
        return thermal.escpos(self.document)

    def png(self, scale: int = 2) -> bytes:
        """A grey PNG of the whole paper, `scale` pixels per printed dot (1 to 4)."""
        return preview.png(self.document, scale)

    def html(self, title: str = "Struk") -> str:
        """The same content as a page of HTML that fetches nothing."""
        return receipt_html.html(self.document, title)

    def pdf(self, title: str = "Struk") -> bytes:
        """The same content as a PDF of one page, as wide as the paper."""
        # Imported here: the PDF library is slow to load.
        from hardware.paper import receipt_pdf  # noqa: PLC0415

        return receipt_pdf.pdf(self.document, title)

    def text(self) -> str:
        """The lines as text, for a terminal; a logo is left out, bar codes are left to their captions."""
        columns = COLUMNS[self.document.width_mm]
        lines: list[str] = []
        for item in lay_out(self.document):
            if isinstance(item, Line):
                lines.append(item.text.rstrip())
            elif isinstance(item, Rule):
                lines.append(("=" if item.heavy else "-") * columns)
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Label:
    """A label, or another page of marks, ready to be rendered."""

    marks: tuple[Mark, ...]
    size: Size

    def zpl(self, dots_per_mm: int = 8) -> bytes:
        """ZPL II for a printer of 8 (203 dpi) or 12 (300 dpi) dots a millimetre. Labels may be sent one after
        another.
        """
        return label_zpl.zpl(self.marks, self.size, dots_per_mm)

    def tspl(self, dots_per_mm: int = 8, gap_mm: int = 3) -> bytes:
        """TSPL likewise. `gap_mm` is the gap between two labels on the roll; 0 on one without."""
        return label_tspl.tspl(self.marks, self.size, dots_per_mm, gap_mm)

    def pdf(self) -> bytes:
        """A PDF of one page; see `labels_pdf` for many."""
        return labels_pdf([self])

    def png(self, scale: int = 1) -> bytes:
        """A grey PNG, `scale` pixels per dot of 203 dpi (1 to 4)."""
        return label_png.png(self.marks, self.size, scale)


def order_slip(
    order: Order,
    shop: Settings,
    account: BankAccount | None = None,
    courier: Courier | None = None,
    *,
    width_mm: int = 80,
    copy: int = 0,
    qris: str = "",
) -> Paper:
    """The order slip (struk pesanan): order number as Code128, items, destination, amount, deadline, account.

    `account` is the one named by `order.bank_account_id`, None when that is 0. `courier` is the one named by
    `order.courier_id`; without it only the courier's service is printed. `width_mm` is the paper's: 58 or 80.
    `copy` is PrintJob.copy_number: 0 for the first print; a copy says "SALINAN n". `qris` is the payload of a
    QRIS code for the amount, printed while the order waits for its payment. Raises PaperError when account or
    courier is not the order's, the width is another, or the payload's checksum is wrong.
    """
    return Paper(slips.order_slip(order, shop, account, courier, width_mm, copy, qris))


def sales_receipt(
    sale: Sale,
    shop: Settings,
    order: Order | None = None,
    till: Till | None = None,
    *,
    width_mm: int = 80,
    copy: int = 0,
) -> Paper:
    """The sales receipt (struk penjualan). Its Code128 is the order's number, or the till's own of the
    receipt, or "S" and the sale's.

    `order` is the one named by `sale.order_id` and gives the customer's name; `till` the one named by
    `sale.till_id` and gives its code; both may be left out. `width_mm` and `copy` as for `order_slip`. Raises
    PaperError when order or till is not the sale's.
    """
    return Paper(slips.sales_receipt(sale, shop, order, till, width_mm, copy))


def refund_receipt(
    refund: Refund, shop: Settings, till: Till | None = None, *, width_mm: int = 80, copy: int = 0
) -> Paper:
    """The refund receipt (struk pengembalian): what came back, how the money went out, room to sign.

    `till` is the one named by `refund.till_id` and gives its code. `width_mm` and `copy` as for `order_slip`.
    Raises PaperError when the till is not the refund's.
    """
    return Paper(slips.refund_receipt(refund, shop, till, width_mm, copy))


def shift_report(
    shift: Shift,
    shop: Settings,
    till: Till | None = None,
    *,
    as_of: Timestamp | None = None,
    width_mm: int = 80,
    copy: int = 0,
) -> Paper:
    """The X report of an open shift, or the Z report (tutup kasir) of one that has a `close_time`.

    `till` is the one named by `shift.till_id` and gives its code. `as_of` is printed on an X report as the
    time it was asked for. `width_mm` and `copy` as for `order_slip`. Raises PaperError when the till is not
    the shift's.
    """
    return Paper(slips.shift_report(shift, shop, till, as_of, width_mm, copy))


def pickup_manifest(
    manifest: Manifest, shop: Settings, courier: Courier | None = None, *, width_mm: int = 80, copy: int = 0
) -> Paper:
    """The pick-up manifest (daftar serah terima): each parcel that went, the sums, room to sign.

    `courier` is the one named by `manifest.courier_id`, None when that is 0. `width_mm` and `copy` as for
    `order_slip`. Raises PaperError when the courier is not the manifest's.
    """
    return Paper(_manifest.slip(manifest, shop, courier, width_mm, copy))


def manifest_pages(
    manifest: Manifest, shop: Settings, courier: Courier | None = None, *, copy: int = 0
) -> tuple[Label, ...]:
    """The same as a table on pages of A4; the last is signed. `labels_pdf` puts them into one file. Raises
    PaperError likewise.
    """
    return tuple(Label(marks, _manifest.PAGE) for marks in _manifest.pages(manifest, shop, courier, copy))


def address_label(
    parcel: Parcel, order: Order, shop: Settings, courier: Courier | None = None, *, copy: int = 0
) -> Label:
    """The address label (stiker alamat), 100 x 150 mm: airway bill as Code128, order number as QR, both
    addresses.

    Without an airway bill the label says "NOMOR RESI BELUM ADA". One that Code128 cannot hold, or only with
    bars too fine to be read, becomes a QR code; "RESI" and "PESANAN" tell the two apart. `order` is the one
    named by `parcel.order_id`, `courier` the one named by `parcel.courier_id`, None when that is 0. Raises
    PaperError when they are not.
    """
    return Label(_label.lay_out(parcel, order, shop, courier, copy), _label.SIZE)


def item_label(item: Item, *, price_list: str = "retail") -> Label:
    """The item label, 50 x 30 mm: name, the price of one, SKU, and what is scanned.

    That is the first barcode that is an EAN or UPC, else the first barcode as Code128, else the SKU; one
    too long for bars becomes a QR code. An empty `price_list` prints no price. Raises PaperError when the
    list has no price for one, or there is nothing to scan.
    """
    return Label(label_item.lay_out(item, price_list), label_item.SIZE)


def labels_pdf(labels: Iterable[Label], title: str = "Stiker") -> bytes:
    """One PDF with a page for each label, in order. Raises PaperError for no label at all."""
    # Imported here: the PDF library is slow to load, and a till prints no labels.
    from hardware.paper import label_pdf  # noqa: PLC0415

    return label_pdf.pdf(((label.marks, label.size) for label in labels), title)
