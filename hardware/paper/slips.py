"""Order slip, sales receipt, refund receipt and shift report: which words stand where."""

from binascii import crc_hqx
from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.at_the_door import at_the_door
from hardware.paper.document import Align, Barcode, Document, Element, Pair, QrCode, Rule, Space, Text
from hardware.paper.errors import PaperError
from hardware.paper.parts import address_lines, closing, fields, head, item_lines, totals
from hardware.paper.wording import (
    AT_THE_DOOR,
    amount,
    channel,
    date_time,
    deadline,
    negated,
    number,
    state_banner,
    tender,
    tender_words,
)
from kasir.v1.admin_pb2 import Settings
from kasir.v1.booking_pb2 import Order, OrderState
from kasir.v1.common_pb2 import Money
from kasir.v1.reconciliation_pb2 import BankAccount
from kasir.v1.sale_pb2 import Sale, Tender, TenderKind
from kasir.v1.shipping_pb2 import Courier
from kasir.v1.till_pb2 import Refund, Shift, TenderTotal, Till

# What the engine writes before the number of the mutation that paid.
_OF_MUTATION = "mutation "
# Longer ones have no room as a bar code that scanners read.
_RECEIPT_CODE_MAX = 20
# CRC-16/CCITT-FALSE begins with all ones (EMV QR Code Specification, merchant-presented mode, 4.7.3).
_CRC_START = 0xFFFF
_UNPAID = {OrderState.ORDER_STATE_BOOKED, OrderState.ORDER_STATE_PARTLY_PAID}


def order_code(order_id: int) -> str:
    """What the bar code of an order holds: its number, nothing else, so that a scan can be typed as well."""
    return str(order_id)


def sale_code(sale: Sale) -> str:
    """What the bar code of a receipt holds: its order's number, or at a till its own, or "S" and the sale's
    where the till gave none that has room. Empty where there is none of them.
    """
    if sale.order_id:
        return order_code(sale.order_id)
    if sale.receipt and len(sale.receipt) <= _RECEIPT_CODE_MAX:
        return sale.receipt
    return f"S{sale.sale_id}" if sale.sale_id else ""


def receipt_number(sale: Sale) -> str:
    """What a receipt is called: the till's own number, which stands from the first, or the sale's."""
    return sale.receipt or str(sale.sale_id)


def order_slip(
    order: Order,
    shop: Settings,
    account: BankAccount | None,
    courier: Courier | None,
    width_mm: int,
    copy: int,
    qris: str,
) -> Document:
    """See `hardware.paper.order_slip`."""
    _check_account(order, account)
    _check_qris(qris)
    _check_courier(order.courier_id, courier)
    elements = head(shop, "STRUK PESANAN", f"No. {order.order_id}", copy)
    banner = state_banner(order.state) if at_the_door(order) is None else AT_THE_DOOR
    if banner:
        elements.append(Text(banner, Align.CENTER, bold=True, inverse=True))
    elements.append(Rule())
    elements += fields(
        [
            ("Tanggal", date_time(order.create_time, shop)),
            ("Kanal", channel(order.channel)),
            ("Dilayani", order.booked_by),
            ("Pelanggan", order.customer_name),
            ("Telepon", order.customer_phone),
        ]
    )
    elements += _destination(order, courier)
    elements += [Rule(), *item_lines(order.lines), Rule(), *totals(order.totals, order.lines)]
    elements += _to_pay(order)
    if order.state in _UNPAID:
        elements += _how_to_pay(order, shop, account)
        if qris:
            elements += [Space(), QrCode(qris, "Bayar dengan QRIS")]
    if order.note:
        elements += [Rule(), Text(f"Catatan: {order.note}")]
    elements += [Space(), Barcode(order_code(order.order_id), f"Pesanan {order.order_id}")]
    return Document(width_mm, tuple(elements))


def _check_account(order: Order, account: BankAccount | None) -> None:
    given = account.bank_account_id if account is not None else 0
    if order.bank_account_id != given:
        wanted = order.bank_account_id or "none"
        raise PaperError(
            f"order {order.order_id} is paid into bank account {wanted}, given was {given or 'none'}"
        )


def _check_qris(payload: str) -> None:
    """A payload ends with its checksum (EMV QR code, tag 63): one with a mistake in it takes no money."""
    body, stated = payload[:-4], payload[-4:]
    if payload and (not payload.isascii() or f"{crc_hqx(body.encode(), _CRC_START):04X}" != stated.upper()):
        raise PaperError(f"the QRIS payload ends with the checksum {stated}, which is not its own")


def _check_courier(courier_id: int, courier: Courier | None) -> None:
    if courier is not None and courier.courier_id != courier_id:
        raise PaperError(f"courier {courier_id or 'none'} was expected, given was {courier.courier_id}")


def _destination(order: Order, courier: Courier | None) -> list[Element]:
    if not order.HasField("address"):
        return [Rule(), Text("DIAMBIL SENDIRI", bold=True)]
    elements: list[Element] = [Rule(), Text("Kirim ke:"), Text(order.address.recipient, bold=True)]
    # The customer's own number stands above already.
    phone = order.address.phone if order.address.phone != order.customer_phone else ""
    elements += [Text(line) for line in (phone, *address_lines(order.address)) if line]
    name = courier.name or courier.code if courier is not None else ""
    elements += fields([("Kurir", " ".join(part for part in (name, order.courier_service) if part))])
    return elements


def _to_pay(order: Order) -> list[Element]:
    """The unique code, the amount to transfer in large letters, and what came of it already."""
    elements: list[Element] = []
    total = order.totals.total
    code = Money(currency_code=total.currency_code, minor_units=order.payable.minor_units - total.minor_units)
    if code.minor_units:
        elements.append(Pair("Kode unik", amount(code)))
    elements += [Rule(heavy=True), Text("JUMLAH BAYAR", Align.CENTER)]
    elements.append(Text(amount(order.payable), Align.CENTER, bold=True, large=True))
    if order.paid.minor_units:
        left = Money(
            currency_code=order.payable.currency_code,
            minor_units=max(0, order.payable.minor_units - order.paid.minor_units),
        )
        elements += _paid(order)
        elements.append(Pair("Kurang bayar", amount(left), bold=True))
    elements.append(Rule(heavy=True))
    return elements


def _paid(order: Order) -> list[Element]:
    """What the shop has, and what the courier collects for it."""
    owed = at_the_door(order)
    if owed is None:
        return [Pair("Sudah dibayar", amount(order.paid))]
    received = order.paid.minor_units - owed.minor_units
    elements: list[Element] = []
    if received:
        money = Money(currency_code=order.paid.currency_code, minor_units=received)
        elements.append(Pair("Sudah dibayar", amount(money)))
    return [*elements, Pair("Dibayar ke kurir", amount(owed), bold=True)]


def _how_to_pay(order: Order, shop: Settings, account: BankAccount | None) -> list[Element]:
    elements: list[Element] = [
        Text("Bayar sebelum", Align.CENTER),
        Text(deadline(order.expire_time, shop), Align.CENTER, bold=True),
    ]
    if account is not None:
        elements += [
            Space(),
            Text(f"Transfer ke {account.bank}", Align.CENTER),
            Text(account.number, Align.CENTER, bold=True, large=True),
            Text(f"a.n. {account.holder}", Align.CENTER),
        ]
        if order.unique_code:
            elements.append(Text("Mohon transfer tepat sampai angka terakhir.", Align.CENTER))
    return elements


def sales_receipt(
    sale: Sale, shop: Settings, order: Order | None, till: Till | None, width_mm: int, copy: int
) -> Document:
    """See `hardware.paper.sales_receipt`."""
    if order is not None and order.order_id != sale.order_id:
        raise PaperError(
            f"sale {sale.sale_id} is of order {sale.order_id or 'none'}, given was {order.order_id}"
        )
    _check_till(sale.till_id, till)
    elements = head(shop, "STRUK PENJUALAN", f"No. {receipt_number(sale)}", copy)
    elements.append(Rule())
    elements += fields(
        [
            ("Tanggal", date_time(sale.sold_time if sale.HasField("sold_time") else sale.create_time, shop)),
            ("Pesanan", str(sale.order_id) if sale.order_id else ""),
            ("Pelanggan", order.customer_name if order is not None else ""),
            (
                "Kasir",
                " / ".join(part for part in (till.code if till is not None else "", sale.cashier) if part),
            ),
            ("Kanal", channel(sale.channel) if sale.order_id else ""),
        ]
    )
    elements += [Rule(), *item_lines(sale.lines), Rule(), *totals(sale.totals, sale.lines)]
    if sale.unique_code_amount.minor_units:
        elements.append(Pair("Kode unik", amount(sale.unique_code_amount)))
    if sale.written_off.minor_units:
        elements.append(Pair("Dihapuskan", amount(sale.written_off)))
    elements.append(Rule(heavy=True))
    for paid in sale.tenders:
        elements += _tender(sale, paid, order)
    if sale.change.minor_units:
        elements.append(Pair("Kembali", amount(sale.change), bold=True))
    if sale.points_earned:
        elements += [Rule(), Pair("Poin didapat", number(sale.points_earned))]
    elements += closing("Terima kasih atas pembelian Anda")
    caption = f"Pesanan {sale.order_id}" if sale.order_id else f"Struk {receipt_number(sale)}"
    if code := sale_code(sale):
        elements += [Space(), Barcode(code, caption)]
    return Document(width_mm, tuple(elements))


def _tender(sale: Sale, paid: Tender, order: Order | None) -> list[Element]:
    name, reference = tender_words(paid, order.allocations if order is not None else ())
    elements: list[Element] = [Pair(name, amount(paid.amount), bold=True)]
    # Of an order the bank's money names our own mutation, which is no reference of the payer's.
    is_mutation = sale.order_id and paid.kind == TenderKind.TENDER_KIND_TRANSFER
    if is_mutation and reference.startswith(_OF_MUTATION):
        elements.append(Pair("Mutasi", reference.removeprefix(_OF_MUTATION), indent=2))
    elif reference:
        elements.append(Pair("Ref.", reference, indent=2))
    return elements


def refund_receipt(refund: Refund, shop: Settings, till: Till | None, width_mm: int, copy: int) -> Document:
    """See `hardware.paper.refund_receipt`."""
    _check_till(refund.till_id, till)
    elements = head(shop, "STRUK PENGEMBALIAN", f"No. R-{refund.refund_id}", copy)
    elements.append(Rule())
    elements += fields(
        [
            ("Tanggal", date_time(refund.create_time, shop)),
            ("Dari struk", refund.receipt or f"penjualan {refund.sale_id}"),
            (
                "Kasir",
                " / ".join(part for part in (till.code if till is not None else "", refund.cashier) if part),
            ),
            ("Disetujui", refund.approved_by),
            ("Alasan", refund.reason),
        ]
    )
    goods = [line.goods for line in refund.lines]
    elements.append(Rule())
    for line in refund.lines:
        elements += item_lines([line.goods])
        if line.damaged:
            elements.append(Text("  (barang rusak)"))
    elements += [Rule(), *totals(refund.totals, goods), Rule(heavy=True), Text("Dikembalikan")]
    for paid in refund.tenders:
        elements.append(Pair(tender(paid.kind), amount(paid.amount), bold=True))
        if paid.reference:
            elements.append(Pair("Ref.", paid.reference, indent=2))
    if refund.points_returned:
        elements.append(Pair("Poin dikembalikan", number(refund.points_returned)))
    if refund.points_taken:
        elements.append(Pair("Poin ditarik", number(refund.points_taken)))
    elements += [Space(), Space(), Pair("Petugas", "Pelanggan"), Space(), Space(), Space()]
    elements.append(Pair("(............)", "(............)"))
    return Document(width_mm, tuple(elements))


def _check_till(till_id: int, till: Till | None) -> None:
    if till is not None and till.till_id != till_id:
        raise PaperError(f"till {till_id or 'none'} was expected, given was {till.till_id}")


def shift_report(
    shift: Shift, shop: Settings, till: Till | None, as_of: Timestamp | None, width_mm: int, copy: int
) -> Document:
    """See `hardware.paper.shift_report`."""
    _check_till(shift.till_id, till)
    closed = shift.HasField("close_time")
    title = "LAPORAN TUTUP KASIR" if closed else "LAPORAN KASIR SEMENTARA"
    elements = head(shop, title, f"{'Z' if closed else 'X'}-{shift.shift_id}", copy)
    elements.append(Rule())
    elements += fields(
        [
            ("Kasir", till.code if till is not None else str(shift.till_id)),
            ("Petugas", shift.cashier),
            ("Buka", date_time(shift.open_time, shop)),
            ("Tutup", date_time(shift.close_time, shop) if closed else ""),
            ("Keadaan", date_time(as_of, shop) if as_of is not None and not closed else ""),
        ]
    )
    elements += [Rule(), *_sold(shift), Rule(), *_received(shift), *_given_back(shift), Rule()]
    elements += _drawer(shift, closed=closed)
    if closed:
        elements += [Space(), Space(), Pair("Petugas", "Penanggung jawab"), Space(), Space(), Space()]
        elements.append(Pair("(............)", "(............)"))
    return Document(width_mm, tuple(elements))


def _sold(shift: Shift) -> list[Element]:
    return [
        Pair("Jumlah struk", number(shift.sale_count)),
        Pair("Penjualan", amount(shift.sale_total), bold=True),
        Pair("Diskon diberikan", amount(shift.discount_total)),
        Pair("Pajak di dalamnya", amount(shift.tax_total)),
    ]


def _received(shift: Shift) -> list[Element]:
    elements: list[Element] = [Text("Diterima menurut cara bayar"), *_by_kind(shift.tenders)]
    if not shift.tenders:
        elements.append(Pair("Belum ada", "-", indent=2))
    return elements


def _given_back(shift: Shift) -> list[Element]:
    """What refunds of sales came to; nothing where there were none."""
    if not shift.refund_count:
        return []
    elements: list[Element] = [
        Rule(),
        Pair("Jumlah pengembalian", number(shift.refund_count)),
        Pair("Pengembalian", amount(negated(shift.refund_total)), bold=True),
        Pair("Pajak di dalamnya", amount(negated(shift.refund_tax_total))),
        Text("Dikembalikan menurut cara bayar"),
    ]
    return elements + _by_kind(shift.refund_tenders)


def _by_kind(rows: Iterable[TenderTotal]) -> list[Element]:
    return [Pair(f"{tender(row.kind)} ({number(row.count)})", amount(row.amount), indent=2) for row in rows]


def _drawer(shift: Shift, *, closed: bool) -> list[Element]:
    elements: list[Element] = [
        Pair("Kas awal", amount(shift.opening_cash)),
        Pair("Kas masuk", amount(shift.cash_in)),
        Pair("Kas keluar", amount(negated(shift.cash_out))),
    ]
    elements += [
        Pair("Pengembalian tunai", amount(negated(row.amount)))
        for row in shift.refund_tenders
        if row.kind == TenderKind.TENDER_KIND_CASH
    ]
    elements += [
        Pair("Kas seharusnya", amount(shift.expected_cash), bold=True),
    ]
    if closed:
        elements += [
            Pair("Kas dihitung", amount(shift.counted_cash), bold=True),
            Rule(heavy=True),
            Pair("SELISIH", amount(shift.difference), bold=True, large=True),
            Rule(heavy=True),
        ]
    return elements
