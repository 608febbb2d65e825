"""What a shop is asked wrongly, command by command: a status, plain words, and nothing changed."""

import json
from typing import Any

import pytest

from clients.common.shop import Shop
from kasir.demo import bank_file
from tests.clients.conftest import GULA, KOPI, SARI, Run

# (command, exit status, what must be said). Behind them a shop with an order paid in part, an order paid and
# sold with its parcel, an open shift and a bank mutation.
BOOK = ("cs", "book", *SARI, "--no-account")
SELL = ("till", "sell", "--scan", KOPI)
ADD = ("catalogue", "add", "NEW-1", "New", "--price")
WRONG: list[tuple[tuple[str, ...], int, str]] = [
    # Items that there are not, carts with nothing in them, quantities that are none
    ((*BOOK, "--line", "NOTHING"), 1, "kasir cs find"),
    ((*BOOK, "--line", "8991234567899"), 1, "kasir cs find"),
    ((*BOOK,), 2, "Say what is booked"),
    ((*BOOK, "--line", "KOPI-01x0"), 2, "a quantity is from 1 to 1.000.000"),
    ((*BOOK, "--line", "KOPI-01x-3"), 2, "A quantity is a whole number from 1"),
    ((*BOOK, "--line", "KOPI-01x1000000000000000000"), 2, "a quantity is from 1 to 1.000.000"),
    ((*BOOK, "--line", "KOPI-01x1000000"), 1, "1000000 wanted, 24 available"),
    ((*BOOK, "--line", "KOPI-01@NOWHERE"), 2, "There is no location 'NOWHERE'"),
    ((*BOOK, "--drop", "99"), 1, "kasir cs drops"),
    ((*BOOK, "--hold", "99"), 1, "deadline passed"),
    ((*BOOK, "--line", "KOPI-01", "--street", "x" * 301), 1, "Address, street takes at most 300 characters."),
    ((*BOOK, "--line", "KOPI-01", "--until", "+90d"), 1, "31 days"),
    (("cs", "drop", "KOPI-01", "--to", "TOKO"), 1, "no CS desk"),
    (("till", "sell", "--cash", "exact"), 2, "--scan"),
    (("till", "sell", "--scan", "NOTHING", "--cash", "exact"), 1, "kasir cs find"),
    (("till", "sell", "--scan", f"{KOPI}x6", "--cash", "900.000"), 1, "6 wanted, 5 available"),
    # Amounts
    ((*BOOK, "--line", "KOPI-01", "--shipping", "1000000000000000000"), 2, "is too much: at most Rp"),
    ((*BOOK, "--line", "KOPI-01", "--shipping", "-1"), 2, "is negative"),
    ((*BOOK, "--line", "KOPI-01", "--shipping", "108.40"), 2, "two ways"),
    ((*BOOK, "--line", "KOPI-01~108.400"), 1, "What is asked for comes to nothing"),
    ((*BOOK, "--line", "KOPI-01~108.401"), 1, "Line 1, discount is more than the line costs."),
    ((*ADD, "1000000000000000000"), 2, "is too much: at most Rp"),
    ((*ADD, "USD 5"), 2, "is not in IDR"),
    ((*SELL, "--cash", "0"), 2, "an amount here is more than zero"),
    ((*SELL, "--cash", "1.000"), 1, ""),
    (("till", "sell", "--scan", f"{KOPI}~108.400", "--cash", "exact"), 2, "The cart costs nothing"),
    ((*SELL, "--points", "1.000"), 2, "Whose points?"),
    ((*SELL, "--credit", "1.000"), 2, "Whose credit?"),
    ((*SELL, "--points", "1.000", "--customer", "#1"), 2, "Points pay nothing in this shop"),
    ((*SELL, "--credit", "108.400", "--customer", "#1"), 1, "credit is Rp 0, not Rp 108.400"),
    ((*SELL, "--card", "4111111111111111"), 1, "looks like a card number"),
    ((*SELL, "--card", "500.000=APPR"), 1, "Only cash gives change."),
    (("till", "cash-out", "900.000", "--reason", "x"), 1, "drawer"),
    (("till", "cash-in", "0", "--reason", "x"), 2, "an amount here is more than zero"),
    (("till", "open", "--cash", "0"), 1, "close it first. See: kasir till close."),
    (("cs", "pay", "1", "--method", "cash", "--amount", "0"), 2, "an amount here is more than zero"),
    (("cs", "pay", "1", "--method", "cash", "--amount", "500.000"), 1, "See what is due: kasir cs show"),
    (("cs", "pay", "2", "--method", "cash"), 2, "Order 2 has nothing left to pay"),
    (("cs", "allocate", "1", "2"), 2, "Order 2 has nothing left to pay"),
    (("cs", "allocate", "1", "1=0"), 2, "an amount here is more than zero"),
    (("cs", "allocate", "1", "1=1.000"), 1, "Add --credit"),
    (("cs", "allocate", "1", "1", "1"), 1, ""),
    (("cs", "allocate", "9", "1"), 1, "kasir cs mutations"),
    # Barcodes
    ((*ADD, "1.000", "--barcode", "8991234567890"), 1, "check the last digit"),
    ((*ADD, "1.000", "--barcode", GULA), 1, "8991234500003"),
    ((*ADD, "1.000", "--barcode", "4006381333931", "--barcode", "4006381333931"), 1, ""),
    (("catalogue", "add", "KOPI-01", "New", "--price", "1.000"), 1, "KOPI-01"),
    # States that do not allow it
    (("cs", "cancel", "2"), 1, "Order 2 is sold: 'cancel' is not possible now."),
    (("cs", "sell", "1"), 1, "Order 1 is not paid"),
    (("cs", "refund", "1", "--reference", "x"), 1, "is not possible now."),
    (("cs", "undo", "1"), 1, "is not possible now."),
    (("courier", "scan", "JP9"), 1, "Check the number on the label."),
    (("courier", "delivered", "--parcel", "1"), 1, "is not possible now."),
    (("print", "settle", "1", "--printed"), 1, "is not possible now."),
    (("warehouse", "hand-over", "9", "--scan", KOPI), 1, "kasir cs drops"),
    (("report", "day", "9999-12-31"), 2, "too far away"),
]


@pytest.mark.usefixtures("shop")
class TestNothingChanges:
    @pytest.fixture
    def busy(self, shop: None, run: Run, tmp_path: Any) -> None:
        run(*BOOK, "--line", "GULA-5")
        run("cs", "pay", "1", "--method", "cash", "--amount", "10.000")
        run(*BOOK, "--line", "GULA-5", "--courier", "JNE")
        run("cs", "pay", "2", "--method", "cash")
        run("cs", "sell", "2")
        run("till", "open", "--cash", "100.000")
        path = tmp_path / "mutasi.csv"
        path.write_bytes(statement(50_000_00))
        run("cs", "import", str(path), "--account", "BCA")

    @pytest.mark.usefixtures("busy")
    def test_a_wrong_command_is_told_in_words_and_changes_nothing(self, run, ask):
        before = ask("admin", "status")["revision"]
        wrong = []
        for words, status, said in WRONG:
            try:
                shown = run(*words, status=status)
            except AssertionError as error:
                wrong.append(f"{' '.join(words)}: not {status}, {error}")
                continue
            errors = shown.stderr if status else shown.output
            told = " ".join((errors + shown.stdout).replace("│", " ").split())
            if said not in told or "minor" in told or "_" in told.replace(str(words), ""):
                wrong.append(f"{' '.join(words)}: {told}")
            now = ask("admin", "status")["revision"]
            # A batch is kept with its refusals, to answer a repeat the same: a record without a change.
            if now != before and words[:2] != ("cs", "sell"):
                wrong.append(f"{' '.join(words)} changed something")
            before = now
        assert wrong == []
        assert [each["state"] for each in ask("cs", "bookings")["orders"]] == [
            "ORDER_STATE_SOLD",
            "ORDER_STATE_PARTLY_PAID",
        ]

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda whole: whole[: len(whole) // 2],
            lambda whole: whole[:-30],
            lambda whole: whole.replace(b"50000.00", b"51000.00", 1),
            lambda _whole: b"code,quantity\nKOPI-01,5\n",
            lambda _whole: bytes(range(256)) * 12,
        ],
        ids=["half", "without its end", "another amount", "no statement", "no text"],
    )
    def test_a_spoilt_statement_is_not_taken(self, run, ask, tmp_path, spoil):
        path = tmp_path / "mutasi.csv"
        path.write_bytes(spoil(statement(50_000_00, 12_345_00)))
        before = ask("admin", "status")["revision"]
        assert "Nothing was imported." in run("cs", "import", str(path), "--account", "BCA", status=1).stderr
        assert ask("admin", "status")["revision"] == before
        assert ask("cs", "mutations")["mutations"] == []

    def test_what_somebody_else_changed_meanwhile_is_looked_at_again(self, run, ask, monkeypatch):
        read = Shop.item

        def read_and_overtaken(shop: Shop, code: str) -> Any:
            found = read(shop, code)
            monkeypatch.setattr(Shop, "item", read)
            run("catalogue", "change", "KOPI-01", "--name", "Kopi Asli", actor="budi")
            return found

        monkeypatch.setattr(Shop, "item", read_and_overtaken)
        refused = run("catalogue", "change", "KOPI-01", "--name", "Kopi Lain", status=1)
        assert "Somebody changed it meanwhile: look at it again, then repeat." in refused.stderr
        assert ask("catalogue", "show", "KOPI-01")["item"]["item"]["name"] == "Kopi Asli"

    def test_a_batch_tells_each_refusal_in_words(self, run, ask, tmp_path):
        path = tmp_path / "more.csv"
        path.write_text("sku,name,price,barcodes\nA-1,a,5000,8991234567890\nKOPI-01,b,5000,\nA-3,c,-1,\n")
        refused = json.loads(run("catalogue", "import", str(path), "--json", status=1).stdout)["refused"]
        assert [each["line"] for each in refused] == [2, 3, 4]
        assert all(each["message"][-1] in ".!?" and "items[" not in each["message"] for each in refused)
        assert len(ask("catalogue", "list")["items"]) == 3


def statement(*amounts: int) -> bytes:
    """A bank's file of today with these amounts in sen."""
    import datetime as dt

    account = bank_file.Account("1234567890", "TOKO MELATI")
    day = dt.datetime.now(dt.timezone(dt.timedelta(hours=7))).date()
    rows = [bank_file.BankRow(day, f"TRSF {at} SARI DEWI", amount) for at, amount in enumerate(amounts)]
    return bank_file.write(account, rows, opening_sen=100_000_00)
