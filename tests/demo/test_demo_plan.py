"""The demo's catalogue and plan: real codes, the same day for the same seed, every story in it."""

import csv
import threading
from collections import Counter
from types import SimpleNamespace

import pytest

from kasir.demo import goods
from kasir.demo.checks import differences
from kasir.demo.live import Meeting
from kasir.demo.people import make_customers
from kasir.demo.plan import SHOP_FLOOR, WAREHOUSE, Fate, make_plan
from kasir.demo.stage import MARKER, DemoFailed, Ledger, Stage, Stopped

SIZES = [(40, 130), (300, 1_000), (1_000, 300)]


def weighted_sum(code: str) -> int:
    """Of a GTIN with its check digit: a multiple of ten (GS1 General Specifications, 7.9.1)."""
    return sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(reversed(code)))


class TestTheCatalogue:
    def test_every_code_is_a_valid_gtin_of_its_own(self):
        made = goods.make_goods(1_000, 7)
        codes = [good.barcode for good in made] + [good.carton for good in made if good.carton]
        assert len(codes) == len(set(codes)) == 1_100
        assert {len(good.barcode) for good in made} == {13}
        assert all(weighted_sum(code) % 10 == 0 for code in codes)
        assert all(good.barcode.startswith("899") for good in made)

    def test_a_known_code_has_its_known_check_digit(self):
        assert goods.check_digit("400638133393") == "1"
        assert goods.check_digit("0360002914525"[:-1]) == goods.check_digit("036000291452")

    def test_names_and_skus_are_unique_and_prices_sensible(self):
        made = goods.make_goods(goods.ITEMS_MAX, 3)
        assert len({good.name for good in made}) == len({good.sku for good in made}) == goods.ITEMS_MAX
        assert all(0 < good.wholesale_rupiah < good.rupiah for good in made)
        assert all(good.dozen_rupiah < good.rupiah for good in made)
        taxes = Counter(good.tax_code for good in made)
        assert taxes[goods.INCLUSIVE] > taxes[goods.EXCLUSIVE] > 0

    def test_the_same_seed_writes_the_same_file(self, tmp_path):
        for name, seed in (("a", 7), ("b", 7), ("c", 8)):
            goods.write_csv(tmp_path / name, goods.make_goods(50, seed))
        a, b, c = ((tmp_path / name).read_text() for name in "abc")
        assert a == b != c
        assert len(list(csv.DictReader(a.splitlines()))) == 50

    @pytest.mark.parametrize("count", [0, goods.ITEMS_MAX + 1])
    def test_a_catalogue_has_bounds(self, count):
        with pytest.raises(ValueError, match="1 to 5000"):
            goods.make_goods(count, 7)


class TestThePlan:
    @pytest.mark.parametrize(("orders", "items"), SIZES)
    def test_every_story_is_in_it_and_every_order_once(self, orders, items):
        plan = make_plan(orders, items, 7)
        fates = Counter(chat.fate for chat in plan.orders)
        assert fates.total() == orders
        assert set(fates) == set(Fate)
        single = {Fate.PAYS_LATE, Fate.PAYS_TOO_LATE, Fate.TAKES_THE_LAST}
        assert {fate for fate in single if fates[fate] != 1} == set()
        assert sum(chat.bad_address for chat in plan.orders) == 1

    @pytest.mark.parametrize(("orders", "items"), SIZES)
    def test_there_is_enough_of_what_will_be_asked_for(self, orders, items):
        plan = make_plan(orders, items, 7)
        asked: dict[str, Counter[str]] = {WAREHOUSE: Counter(), SHOP_FLOOR: Counter()}
        for chat in plan.orders:
            for wish in chat.wishes:
                asked[chat.from_stock or WAREHOUSE][wish.good.sku] += wish.quantity
        for wish in plan.unbooked:
            asked[WAREHOUSE][wish.good.sku] += wish.quantity
        for carts in plan.carts:
            for cart in carts:
                asked[SHOP_FLOOR].update({wish.good.sku: wish.quantity for wish in cart})
        short = {
            sku
            for location, wanted in asked.items()
            for sku, quantity in wanted.items()
            if plan.stock[location].get(sku, 0) < quantity
        }
        # The last piece is asked for twice; some goods are sold out.
        rare = plan.last_taker.wishes[0].good.sku
        assert rare in short
        assert all(plan.stock[WAREHOUSE].get(sku, 0) == 0 for sku in short - {rare})
        assert plan.stock[WAREHOUSE][rare] == 1

    def test_the_same_seed_makes_the_same_day(self):
        assert make_plan(40, 130, 7) == make_plan(40, 130, 7)
        assert make_plan(40, 130, 7) != make_plan(40, 130, 8)

    @pytest.mark.parametrize(("orders", "items"), [(39, 130), (40, 129), (5_001, 130), (40, 5_001)])
    def test_a_day_has_bounds(self, orders, items):
        with pytest.raises(ValueError, match=r"has \d+ to \d+"):
            make_plan(orders, items, 7)

    def test_customers_have_phones_of_their_own_and_addresses_that_exist(self):
        customers = make_customers(500, 7)
        assert len({customer.phone for customer in customers}) == 500
        for customer in customers:
            assert customer.phone.startswith("08")
            assert customer.address.postal_code.isdigit()
            assert len(customer.address.postal_code) == 5
            assert customer.address.city == customer.place.city


class TestTheComparison:
    """A comparison that finds nothing is worth what it would find."""

    def compared(self, **ledger_changes: int) -> list[str]:
        ledger = Ledger()
        for name, count in ledger_changes.items():
            ledger.add(name, count)
        nothing = SimpleNamespace(
            orders=[], parcels=[], sales=[], shifts=[], print_jobs=[], stocks=[],
            count=lambda _metric: 0, amount_minor=lambda _metric: 0,
        )  # fmt: skip
        plan = SimpleNamespace(orders=[], goods=[])
        facts = SimpleNamespace(locations={"CS": 2})
        return differences(nothing, Counter(), plan, ledger, facts)

    def test_what_agrees_is_not_mentioned(self):
        assert self.compared() == []

    def test_each_thing_done_and_not_counted_is_named_in_a_sentence(self):
        counted = (
            *("cancelled", "expired", "rebooked", "refund_due", "order_sales", "undone", "confirmed"),
            *("matched_by_hand", "payments_recorded", "mutations", "ignored", "drop_orders", "handed_over"),
            *("rejected", "returned", "units_received", "units_sold", "units_adjusted", "parcels", "labels"),
            *("awb_by_hand", "handed_to_courier", "till_sales", "till_sales_minor", "cash_short_minor"),
        )
        for name in counted:
            found = self.compared(**{name: 3})
            assert found, name
            assert all(re_sentence(words) for words in found)


def re_sentence(words: str) -> bool:
    return ": the demo says " in words and words.endswith(".")


class TestWaiting:
    def test_what_never_comes_is_named_when_patience_ends(self, tmp_path):
        meeting = Meeting(Stage(tmp_path))
        meeting.tell(1, "here")
        with pytest.raises(DemoFailed, match=r"The parcel did not come within 0.1 s: \[2\]"):
            meeting.await_all([1, 2], bool, "The parcel", timeout_s=0.1)

    def test_nobody_waits_on_when_another_has_failed(self, tmp_path):
        stage = Stage(tmp_path)
        meeting = Meeting(stage)
        threading.Timer(0.1, lambda: stage.fail(DemoFailed("the first"))).start()
        with pytest.raises(Stopped):
            meeting.await_fact(1, bool, "The parcel")
        assert str(stage.failure) == "the first"

    def test_who_stops_because_of_another_is_not_the_cause(self, tmp_path):
        stage = Stage(tmp_path)
        cause = DemoFailed("the cause")
        for failure in (Stopped("stopped"), cause, DemoFailed("later")):
            stage.fail(failure)
        assert stage.failure is cause


class TestTheDirectory:
    def test_an_earlier_day_is_removed_and_nothing_else(self, tmp_path):
        out = tmp_path / "demo"
        Stage(out).clear()
        (out / "data").mkdir()
        (out / "data" / "data.mdb").write_text("old")
        (out / "summary.json").write_text("{}")
        (out / "notes.txt").write_text("mine")
        Stage(out).clear()
        assert sorted(path.name for path in out.iterdir()) == [MARKER, "notes.txt"]

    def test_a_directory_that_cannot_be_made_is_told(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(DemoFailed, match="cannot be used"):
            Stage(tmp_path / "file" / "demo").clear()
