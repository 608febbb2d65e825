"""Goal: `kasir till` sells on with the server gone, says so, and lists what waits and what is to be
looked at. Method: the commands on a real server, behind a relay that is cut.
"""

import json


def test_a_till_that_never_saw_its_server_says_so(run, line):
    line.cut()
    assert "does not answer" in run("sell", "--scan", "TEH-9", "--cash", "exact", status=1).stderr.lower()


def test_an_outage_at_the_counter(run, ask, shop, line):
    run("refresh")
    run("open", "--cash", "100.000")
    assert "sold nothing yet" in run("lease").stderr
    leases = ask("lease", "--item", "TEH-9x4", "--item", "KOPI-9x2")["leases"]
    assert sorted(each["quantity"] for each in leases) == [2, 4]
    online = ask("sell", "--scan", "TEH-9", "--cash", "exact")
    assert (online["offline"], online["sale"]["sale_id"]) == (False, "1")

    line.cut()
    sold = run("sell", "--scan", "8991002101265x2", "--cash", "10.000")
    assert "OFFLINE" in sold.stderr
    assert "1 kept here will be sent when it is back" in sold.stderr
    assert "Rp 5.000" in sold.stdout
    assert "not at the server yet" in sold.stdout
    assert "OFFLINE" in run("quote", "--scan", "KOPI-9").stderr
    assert "Barang TEH-9 enak" in run("find", "teh").stdout
    refused = run("sell", "--scan", "TEH-9x2", "--cash", "exact", status=2)
    assert "has not leased 1 Barang TEH-9 enak" in " ".join(refused.stderr.split())
    allowed = ask("sell", "--scan", "TEH-9x2~500", "--cash", "exact", "--approved-by", "budi")
    assert allowed["offline"] is True
    x = ask("x")
    assert (x["offline"], x["waits"]) == (True, 2)
    assert x["shift"]["expected_cash"]["minor_units"] == str((100_000 + 2_500 + 5_000 + 4_500) * 100)

    kept = ask("outbox")
    journal = online["receipt"].removesuffix("-1")
    assert [each["receipt"] for each in kept["waiting"]] == [f"{journal}-2", f"{journal}-3"]
    assert [each["trouble"] for each in kept["exceptions"]] == ["uncovered"]
    assert "allowed by budi" in " ".join(run("outbox").stdout.split())
    closed = run("close", "--cash", "112.000")
    assert "Z report" in closed.stdout
    assert "OFFLINE" in closed.stderr

    line.restore()
    sent = ask("send")
    assert (sent["done"], sent["left"]) == (3, 0)
    assert len(shop.sold()) == 3
    assert shop.level(shop.kopi) == (100, 0)
    (matter,) = ask("outbox")["exceptions"]
    assert ask("settle", str(matter["seq"]), "--note", "was there")["exceptions"] == []
    shown = ask("receipt", online["receipt"].lower())
    assert (shown["state"], shown["sale"]["sale_id"]) == ("done", "1")
    assert ask("receipt")["sale"]["receipt"] == f"{journal}-3"
    run("receipt", "KASIR-1-ZZZZ-1", status=2)
    shift = json.loads(run("shifts", "--json").stdout)["shifts"][0]
    assert (shift["sale_count"], shift["difference"]["minor_units"]) == ("3", "0")


def test_carts_wait_under_a_number(run, ask, shop):
    run("open", "--cash", "0")
    number = ask("set-aside", "--scan", "KOPI-9x2", "--name", "Ibu Sri")["cart"]
    ask("set-aside", "--scan", "TEH-9", "--name", "Pak Joko")
    assert "Ibu Sri" in run("carts").stdout
    run("sell", "--cart", str(number), "--scan", "TEH-9", "--cash", "exact")
    assert [cart["name"] for cart in ask("carts")["carts"]] == ["Pak Joko"]
    run("drop-cart", "2")
    assert ask("carts")["carts"] == []
    assert "no cart 2" in run("sell", "--cart", "2", "--cash", "exact", status=2).stderr
    assert [line.quantity for line in shop.sold()[0].lines] == [2, 1]


def test_the_lease_is_sized_by_sales_and_given_back(run, ask, shop):
    run("open", "--cash", "0")
    run("sell", "--scan", "KOPI-9x3", "--scan", "TEH-9x99", "--cash", "900.000")
    leased = {each["item_id"]: each["quantity"] for each in ask("lease")["leases"]}
    assert leased == {shop.kopi: 3, shop.teh: 1}, "the others keep half of what is left"
    assert ask("lease", "--return")["leases"] == []
    assert shop.level(shop.kopi) == (97, 0)


def test_with_approvers_only_they_allow_a_discount(run, ask, shop):
    run("open", "--cash", "0")
    discounted = ("sell", "--scan", "TEH-9~500", "--cash", "exact")
    run(*discounted)
    run("approver", "budi", "--new-pin", "12", status=2)
    run("approver", "budi", "--new-pin", "4711")
    assert "has to allow" in run("approver", "joko", "--new-pin", "1234", status=2).stderr
    assert "has to allow that" in " ".join(run(*discounted, status=2).stderr.split())
    assert "not the PIN" in run(*discounted, "--approved-by", "budi", "--pin", "4712", status=2).stderr
    assert "not the PIN" in run(*discounted, "--approved-by", "joko", "--pin", "4711", status=2).stderr
    sold = ask(*discounted, "--approved-by", "budi", "--pin", "4711")
    assert sold["sale"]["totals"]["discount"]["minor_units"] == "50000"
    allowed = ("--approved-by", "budi", "--pin", "4711")
    assert ask("approver", "sari", "--new-pin", "9876", *allowed)["approvers"] == ["budi", "sari"]
    for _ in range(5):
        run(*discounted, "--approved-by", "sari", "--pin", "1111", status=2)
    assert "Too many" in run(*discounted, "--approved-by", "sari", "--pin", "9876", status=2).stderr
    assert ask("approver", "sari", "--remove", *allowed)["approvers"] == ["budi"]
    assert len(shop.sold()) == 2
