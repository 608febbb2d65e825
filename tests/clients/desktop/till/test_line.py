"""Goal: the line may break at any time; selling goes on, what waits is told, and what changes is followed."""

from tests.clients.conftest import KOPI
from tests.clients.desktop.till.conftest import asked, cut, is_asked, sell


def test_it_is_said_that_the_line_is_down_and_what_waits(till, line, wait):
    assert till._state.text() == "● Online"
    till.line_screen.lease()
    cut(till, line, wait)
    assert till._state.text() == "● OFFLINE, 0 waiting"
    assert till._state.property("bad") == "true"
    till.go(till.line_screen)
    assert "is down. Sell on" in till.line_screen.line.text()
    assert "Nothing waits" in till.line_screen.waiting_name.text()


def test_what_is_leased_is_sold_without_the_line_and_sent_when_it_is_back(till, line, wait, ask):
    sell(till, wait, KOPI)
    till.line_screen.lease()
    wait(lambda: till.till.state.leased_units)
    cut(till, line, wait)
    sold = sell(till, wait, KOPI)
    assert not sold.online
    assert "kept on this machine" in till.selling.done.where.text()
    assert till._state.text() == "● OFFLINE, 1 waiting"
    till.go(till.line_screen)
    assert till.line_screen.waiting.rowCount() == 1
    line.restore()
    wait(lambda: till.till.state.online and not till.till.state.waits)
    wait(lambda: till._state.text() == "● Online")
    wait(lambda: till.line_screen.waiting.rowCount() == 0)
    till.go(till.shift)
    wait(lambda: ("Receipts", "2") in till.shift.sales.pairs)
    assert till.shift.report.online


def test_beyond_the_lease_somebody_is_asked_and_it_is_looked_at_later(till, line, wait):
    till.till.till.approvers.put("budi", "4711")
    cut(till, line, wait)
    till.selling.scanned(KOPI)
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: is_asked(till))
    allowing = asked(till)
    assert "has not leased 1 Kopi Luwak" in allowing.body.itemAt(0).widget().text()
    assert till.till.state.waits == 0
    allowing.pin.setText("4711")
    allowing.take()
    wait(lambda: till.selling.pages.currentWidget() is till.selling.done)
    assert till._state.text() == "● OFFLINE, 1 to look at"
    line.restore()
    wait(lambda: till.till.state.online and not till.till.state.waits)
    till.go(till.line_screen)
    wait(lambda: till.line_screen.matters.rowCount() == 1)
    till.line_screen.ask_settle()
    question = asked(till)
    question.take()
    assert question.why_not.isVisible()
    question.field.setText("counted, the goods were there")
    question.take()
    wait(lambda: till.till.state.matters == 0)
    wait(lambda: till._state.text() == "● Online")


def test_a_till_that_was_here_opens_without_the_line(till, line, make_till, wait):
    sell(till, wait, KOPI)
    line.cut()
    till.close()
    again = make_till(line.address)
    wait(lambda: hasattr(again, "selling"))
    again.selling.scanned(KOPI)
    assert again.selling.total.text() == "Rp 108.400"
    assert again.till.state.shift is not None


def test_a_price_that_changes_is_followed_while_the_cart_stands(till, wait, run):
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote and till.selling.quote.online)
    run("catalogue", "change", "KOPI-01", "--price", "99.000")
    wait(lambda: till.selling.total.text() == "Rp 99.000")
    # By the copy too, for when the line is down.
    assert till.till.till.estimate(till.selling.cart).priced.totals.total.minor_units == 9_900_000


def test_an_item_that_is_new_at_the_server_is_found_at_once(till, wait, run):
    run("catalogue", "add", "MADU-9", "Madu Hutan", "--price", "145.000")
    wait(lambda: till.till.till.catalogue.by_code("MADU-9") is not None)
    wait(lambda: any(item.sku == "MADU-9" for item in till.selling.goods.tiles.items))


def test_what_the_till_itself_refuses_is_told_in_the_language_of_the_window(till, line, wait):
    till.till.till.approvers.put("budi", "1234")
    till.next_language()
    cut(till, line, wait)
    till.selling.scanned("8990000000000")
    wait(lambda: "Tidak ada barang '8990000000000'." in till.desk.notice.words.text())
    till.selling.scanned(KOPI)
    wait(lambda: till.selling.quote)
    till.selling.to_pay()
    till.selling.pay.take_exact()
    wait(lambda: is_asked(till))
    allowing = asked(till)
    assert "tidak punya jatah untuk 1 Kopi Luwak" in allowing.body.itemAt(0).widget().text()
    allowing.pin.setText("9999")
    allowing.take()
    wait(lambda: allowing.why_not.text() == "Itu bukan PIN 'budi'.")
    allowing.reject()
