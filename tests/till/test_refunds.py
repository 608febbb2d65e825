"""Goal: goods come back at a till once, whatever breaks, and never without the line; the till says what the
server says. Method: the till's core and its command on a real server, behind a relay that is cut.
"""

from typing import Any

import pytest
from typer.testing import CliRunner

from clients.common.problems import BadInput, CallFailed
from clients.till.cart import Permission
from clients.till.refunds import Refunds, Wanted
from clients.till.till import Till
from kasir.v1 import customer_pb2, sale_pb2, till_pb2
from tests.server.support import idr, new_id
from tests.till.conftest import Ask, Run
from tests.till.line import Line
from tests.till.world import TillShop, back, cart, cash

CASH = sale_pb2.TENDER_KIND_CASH
BUDI = Permission("budi")


def lines(*asked: tuple[int, int]) -> list[till_pb2.RefundLineInput]:
    return [till_pb2.RefundLineInput(line=place, quantity=units) for place, units in asked]


def refunded(shop: TillShop) -> list[till_pb2.Refund]:
    """All refunds, oldest first."""
    return list(shop.tills.ListRefunds(till_pb2.ListRefundsRequest()).refunds)[::-1]


@pytest.fixture
def refunds(till: Till) -> Refunds:
    return Refunds(till)


def sold(till: Till, shop: TillShop) -> sale_pb2.Sale:
    """Three coffees and a tea."""
    return till.sell(cart((shop.kopi, 3), (shop.teh, 1)), cash(5_000_000)).sale


def test_goods_come_back_and_the_shift_knows(till: Till, shop: TillShop, refunds: Refunds) -> None:
    sale = sold(till, shop)
    assert refunds.find(sale.receipt) == sale
    assert refunds.find(f" S{sale.sale_id} ") == sale
    wanted = Wanted(sale.sale_id, lines((0, 2)), CASH)
    quoted = refunds.quote(wanted)
    assert (quoted.totals.total, quoted.refund_id) == (idr(26_666), 0)
    assert refunded(shop) == []
    made = refunds.give(wanted, "torn", BUDI)
    assert (made.totals, made.approved_by, made.reason) == (quoted.totals, "budi", "torn")
    assert refunded(shop) == [made]
    assert refunds.unanswered() is None
    assert [each.quantity for each in refunds.find(sale.receipt).refunded] == [2, 0]
    expected = 100_000 + 3 * 13_333 + 2_500 - 26_666
    assert till.x().shift.expected_cash == idr(expected)
    assert till.close_shift(idr(expected)).shift.difference == idr(0)


def test_a_sale_that_waited_for_the_line_is_sent_and_found(
    till: Till, shop: TillShop, line: Line, refunds: Refunds
) -> None:
    till.renew_lease({shop.teh: 5})
    line.cut()
    kept = till.sell(cart((shop.teh, 1)), cash(250_000))
    with pytest.raises(BadInput, match="Nothing can be given back now"):
        refunds.find(kept.entry.receipt)
    with pytest.raises(BadInput, match="Nothing can be given back now"):
        refunds.quote(Wanted(1, lines((0, 1)), CASH))
    with pytest.raises(BadInput, match="Nothing can be given back now"):
        refunds.give(Wanted(1, lines((0, 1)), CASH), "torn", BUDI)
    assert refunds.unanswered() is None
    back(till, line)
    assert refunds.find(kept.entry.receipt).receipt == kept.entry.receipt


def test_the_line_breaks_before_it_arrives(till: Till, shop: TillShop, line: Line, refunds: Refunds) -> None:
    sale = sold(till, shop)
    line.cut()
    with pytest.raises(BadInput, match="Pay nothing out"):
        refunds.give(Wanted(sale.sale_id, lines((0, 1)), CASH), "torn", BUDI)
    assert refunded(shop) == []
    with pytest.raises(BadInput, match="Nothing can be given back now"):
        refunds.ask_again()
    back(till, line)
    with pytest.raises(BadInput, match="Pay nothing out"):
        refunds.give(Wanted(sale.sale_id, lines((0, 1)), CASH), "torn", BUDI)
    made = refunds.ask_again()
    assert refunded(shop) == [made]
    assert refunds.ask_again() is None
    assert till.x().shift.refund_count == 1


def test_an_answer_that_is_lost_is_given_again(
    till: Till, shop: TillShop, line: Line, refunds: Refunds
) -> None:
    sale = sold(till, shop)
    line.cut()
    back(till, line, cut_after=60)
    with pytest.raises(BadInput, match="Pay nothing out"):
        refunds.give(Wanted(sale.sale_id, lines((0, 1)), CASH), "torn", BUDI)
    assert len(refunded(shop)) == 1, "it arrived"
    back(till, line)
    # Whoever works at the till by then, it is asked as who gave it back.
    assert refunds.ask_again() == refunded(shop)[0]
    assert (len(refunded(shop)), refunds.unanswered()) == (1, None)
    assert till.x().shift.expected_cash == idr(100_000 + 3 * 13_333 + 2_500 - 13_333)


def test_who_may_not_gives_nothing_back(till: Till, shop: TillShop, refunds: Refunds) -> None:
    sale = sold(till, shop)
    wanted = Wanted(sale.sale_id, lines((0, 1)), CASH)
    for nobody in (None, Permission("")):
        with pytest.raises(BadInput, match="Somebody has to allow"):
            refunds.give(wanted, "torn", nobody)
    till.approvers.put("budi", "1234")
    with pytest.raises(BadInput, match="with their PIN"):
        refunds.give(wanted, "torn", BUDI)
    assert refunded(shop) == []
    refunds.give(wanted, "torn", till.approvers.permit("budi", "1234", till.now_ms()))
    assert len(refunded(shop)) == 1


def test_what_the_server_refuses_is_not_asked_again(till: Till, shop: TillShop, refunds: Refunds) -> None:
    sale = sold(till, shop)
    with pytest.raises(CallFailed) as refused:
        refunds.give(Wanted(sale.sale_id, lines((0, 4)), CASH), "torn", BUDI)
    assert refused.value.reason == "REFUND_TOO_MUCH"
    assert refunds.unanswered() is None
    with pytest.raises(CallFailed) as unknown:
        refunds.find("KASIR-9-AAAA-1")
    assert unknown.value.reason == "SALE_NOT_FOUND"


def test_a_shift_that_is_counted_without_the_line_has_the_refund(
    till: Till, shop: TillShop, line: Line, refunds: Refunds
) -> None:
    sale = sold(till, shop)
    refunds.give(Wanted(sale.sale_id, lines((1, 1)), CASH), "torn", BUDI)
    line.cut()
    report = till.close_shift(idr(100_000))
    assert not report.online
    shift = report.shift
    assert (shift.refund_count, shift.refund_total, shift.expected_cash) == (1, idr(2_500), idr(139_999))


# --- The command ---


def test_a_refund_at_the_counter(run: Run, ask: Ask, shop: TillShop, line: Line) -> None:
    run("refresh")
    run("open", "--cash", "100.000")
    sale = ask("sell", "--scan", "KOPI-9x3", "--scan", "TEH-9", "--cash", "exact")
    receipt = sale["receipt"]
    shown = " ".join(run("refund", receipt).stdout.split())
    assert "Barang KOPI-9 enak" in shown
    assert "Given back" in shown
    assert "Rp 26.666" in run("refund", receipt, "--line", "1x2", "--cash", "--quote").stdout
    allowed = ("--reason", "torn", "--approved-by", "budi")
    assert "Say how it is paid back" in " ".join(
        run("refund", receipt, "--line", "1", *allowed, status=2).stderr.split()
    )
    assert "allow" in run("refund", receipt, "--line", "1", "--cash", "--reason", "torn", status=2).stderr
    assert "no line" in run("refund", receipt, "--line", "9", "--cash", status=2).stderr
    line.cut()
    assert "Nothing can be given back now" in " ".join(
        run("refund", receipt, "--line", "1", "--cash", *allowed, status=2).stderr.split()
    )
    line.restore()
    made = ask("refund", receipt, "--line", "1x1", "--damaged", "2", "--cash", *allowed)["refund"]
    assert [(each["line"], each["damaged"]) for each in made["lines"]] == [(0, False), (1, True)]
    assert made["totals"]["total"]["minor_units"] == str((13_333 + 2_500) * 100)
    rest = ask("refund", receipt, "--all", "--card", "RF-5512", *allowed)["refund"]
    assert [(each["line"], int(each["goods"]["quantity"])) for each in rest["lines"]] == [(0, 2)]
    assert "nothing of it is left" in run("refund", receipt, "--line", "1", "--cash", status=2).stderr.lower()
    x = " ".join(run("x").stdout.split())
    assert "Refunds Rp 42.499 (2)" in x
    report = " ".join(CliRunner().invoke(_report(), ["day", "--server", line.address]).stdout.split())
    assert "Sales refunded 2 Rp 42.499" in report
    line.cut()
    offline = " ".join(run("refund", receipt, status=2).stderr.split())
    assert "Nothing can be given back now" in offline


def _report() -> Any:
    from clients.report import app as report

    return report


def test_a_customers_refund_becomes_credit(run: Run, ask: Ask, shop: TillShop) -> None:
    customer = customer_pb2.Customer(name="Dewi", phone="081234567801")
    request = customer_pb2.CreateCustomerRequest(request_id=new_id(), customer=customer)
    shop.customers.CreateCustomer(request)
    run("refresh")
    run("open", "--cash", "0")
    sale = ask("sell", "--scan", "TEH-9", "--customer", "081234567801", "--card", "A1")
    run("refund", sale["receipt"], "--all", "--credit", "--reason", "torn", "--approved-by", "budi")
    found = shop.customers.GetCustomer(customer_pb2.GetCustomerRequest(phone="081234567801")).customer
    assert found.credit == idr(2_500)
