"""The harness of the matcher measures what it says: sets are the same for a seed, their truth adds up, what
a person could know follows its rules on cases made by hand, and a perfect, a naive and a wicked matcher get
the figures they deserve.

Method: small sets, cases of a few orders, matchers that are programs of a few lines run by the harness.
"""

import datetime as dt
import json
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench.matching import evidence, measure, names, run
from bench.matching.__main__ import app, seeds_of
from bench.matching.files import WIB, Match, MatchingError, Mutation, Order, TestSet, Truth, read_matches
from bench.matching.generate import SETS, generate
from bench.matching.measure import judge, precision_by_coverage, wilson
from bench.matching.texts import Reading

SIZE = 300
DAY = dt.date(2026, 11, 2)


@pytest.fixture(scope="module", params=SETS)
def made(request: pytest.FixtureRequest) -> TestSet:
    return generate(request.param, 1001, SIZE)


# --- Sets ---


def test_a_set_is_the_same_for_its_seed(made: TestSet) -> None:
    assert made == generate(made.name, 1001, SIZE)
    assert made.mutations != generate(made.name, 1002, SIZE).mutations


def test_truth_adds_up(made: TestSet) -> None:
    orders = {order.order_id: order for order in made.orders}
    paid: Counter[int] = Counter()
    for mutation, truth in zip(made.mutations, made.truth, strict=True):
        assert truth.mutation_id == mutation.mutation_id
        assert sum(truth.allocations.values()) <= mutation.amount_minor
        assert mutation.can_pay or not truth.allocations
        for order_id, amount in truth.allocations.items():
            assert 0 < amount <= orders[order_id].due_minor
            assert orders[order_id].account == mutation.account
            assert orders[order_id].create_time.date() <= mutation.date
            paid[order_id] += amount
    assert all(amount <= orders[order_id].due_minor for order_id, amount in paid.items())


def test_payables_with_codes_are_unique_while_orders_are_open(made: TestSet) -> None:
    by_payable: dict[tuple[str, int], list[Order]] = {}
    for order in made.orders:
        by_payable.setdefault((order.account, order.payable_minor), []).append(order)
        assert 0 <= order.unique_code <= 999
    for same in by_payable.values():
        for one in same:
            for other in same:
                if one is not other and one.unique_code and other.unique_code:
                    assert one.expire_time < other.create_time or other.expire_time < one.create_time


def test_order_numbers_ascend_with_time(made: TestSet) -> None:
    numbers = [order.order_id for order in made.orders]
    assert numbers == sorted(set(numbers))


def test_decidable_and_misleading_exclude_each_other(made: TestSet) -> None:
    for truth in made.truth:
        assert not (truth.decidable and (truth.misleading or truth.tie))
        assert truth.findable or not (truth.decidable and truth.allocations)


def test_an_easy_set_is_decidable_and_a_hard_one_is_not_all() -> None:
    easy, hard = (generate(name, 1003, 600) for name in SETS)

    def share(made: TestSet) -> float:
        pays = [truth for truth in made.truth if truth.allocations]
        return sum(truth.decidable for truth in pays) / len(pays)

    assert share(easy) > 0.98
    assert 0.7 < share(hard) < 0.95
    assert len({truth.kind for truth in hard.truth}) > 25


# --- What a person could know ---


def order(
    order_id: int, name: str, rupiah: int, *, code: int = 0, day: dt.date = DAY, hours: int = 24
) -> Order:
    created = dt.datetime.combine(day, dt.time(9), WIB)
    return Order(
        order_id, "A", (rupiah + code) * 100, code, 0, name, created, created + dt.timedelta(hours=hours)
    )


def judged(
    orders: Sequence[Order], rows: Sequence[tuple[Reading, int, dict[int, int]]], days: Sequence[int] = ()
) -> list[Truth]:
    """Truth of mutations (reading, rupiah, orders truly paid in rupiah), each so many days after `DAY`."""
    mutations = [
        Mutation(
            f"m{index}",
            "A",
            DAY + dt.timedelta(days=days[index] if days else 0),
            rupiah * 100,
            "CR",
            "POSTED",
            "",
        )
        for index, (_, rupiah, _) in enumerate(rows)
    ]
    truth = [
        Truth(f"m{index}", "by hand", {order_id: amount * 100 for order_id, amount in paid.items()})
        for index, (_, _, paid) in enumerate(rows)
    ]
    evidence.judge(TestSet("by hand", 0, list(orders), mutations, truth), [reading for reading, _, _ in rows])
    return truth


SITI = Reading("SITI RAHMAWATI")
STRANGER = Reading("JOKO PURNOMO")


def test_an_exact_code_decides_whoever_pays() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237), order(2, "Dewi Lestari", 149_000, code=238)]
    for reading in (SITI, STRANGER, Reading()):
        assert judged(orders, [(reading, 149_237, {1: 149_237})])[0].decidable


def test_a_name_that_speaks_for_another_order_takes_the_certainty() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237), order(2, "Joko Purnomo", 151_000, code=737)]
    assert not judged(orders, [(STRANGER, 149_237, {1: 149_237})])[0].decidable


def test_a_price_without_code_needs_a_name() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000), order(2, "Dewi Lestari", 149_000)]
    assert judged(orders, [(SITI, 149_000, {1: 149_000})])[0].decidable
    silent = judged(orders, [(Reading(), 149_000, {1: 149_000})])[0]
    assert not silent.decidable
    assert silent.tie
    assert not judged(orders[:1], [(STRANGER, 149_000, {1: 149_000})])[0].decidable


def test_twins_of_one_name_and_price_are_a_tie_unless_time_tells() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000), order(2, "Siti Rahmawati", 149_000)]
    truth = judged(orders, [(SITI, 149_000, {1: 149_000})])[0]
    assert (truth.decidable, truth.tie, truth.findable) == (False, True, True)
    later = [orders[0], order(2, "Siti Rahmawati", 149_000, day=DAY + dt.timedelta(days=1))]
    assert judged(later, [(SITI, 149_000, {1: 149_000})])[0].decidable


def test_a_closer_look_than_points_leaves_fewer_ties() -> None:
    orders = [order(1, "Ellla Lazuardi", 159_000), order(2, "Langgeng Ana Lestari", 159_000)]
    plain = Reading(name="ELA LAZUARDI")
    seen = judged(orders, [(plain, 159_000, {1: 159_000})])[0]
    assert (seen.decidable, seen.tie) == (False, False)
    strangers = judged(orders, [(Reading(name="JOKO PURNOMO"), 159_000, {1: 159_000})])[0]
    assert strangers.tie


def test_as_many_like_payments_as_like_orders_may_be_exchanged() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000), order(2, "Siti Rahmawati", 149_000)]
    truths = judged(orders, [(SITI, 149_000, {1: 149_000}), (SITI, 149_000, {2: 149_000})])
    assert [truth.alike for truth in truths] == ["m0", "m0"]
    assert not any(truth.decidable or truth.tie for truth in truths)


def test_what_is_settled_leaves_the_rest_certain() -> None:
    orders = [
        order(1, "Siti Rahmawati", 149_000),
        order(2, "Siti Rahmawati", 149_000, day=DAY + dt.timedelta(days=1)),
    ]
    rows = [(SITI, 149_000, {1: 149_000}), (SITI, 149_000, {2: 149_000})]
    assert [truth.decidable for truth in judged(orders, rows, days=(0, 1))] == [True, True]


def test_money_sent_again_is_for_nothing() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237)]
    rows = [(SITI, 149_237, {1: 149_237}), (SITI, 149_237, {})]
    assert [truth.decidable for truth in judged(orders, rows, days=(0, 1))] == [True, True]
    same_day = judged(orders, rows)
    assert [truth.alike for truth in same_day] == ["m0", "m0"]


@pytest.mark.parametrize("rupiah", [149_000, 149_500, 146_737, 142_737, 149_327, 14_927])
def test_an_amount_that_is_nearly_right_needs_a_good_name(rupiah: int) -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237)]
    assert judged(orders, [(SITI, rupiah, {1: min(rupiah, 149_237)})])[0].decidable
    assert not judged(orders, [(STRANGER, rupiah, {1: min(rupiah, 149_237)})])[0].decidable
    assert not judged(orders, [(Reading("SITI"), rupiah, {1: min(rupiah, 149_237)})])[0].decidable


def test_an_order_number_in_the_note_is_as_good_as_a_name() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000), order(2, "Dewi Lestari", 149_000)]
    assert judged(orders, [(Reading("JOKO PURNOMO", number="2"), 149_000, {2: 149_000})])[0].decidable


def test_one_transfer_for_several_orders_of_one_name() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237), order(2, "Siti Rahmawati", 99_000, code=41)]
    for rupiah, paid in ((248_278, {1: 149_237, 2: 99_041}), (248_000, {1: 149_000, 2: 99_000})):
        assert judged(orders, [(SITI, rupiah, paid)])[0].decidable
        assert not judged(orders, [(STRANGER, rupiah, paid)])[0].decidable


def test_parts_are_certain_only_when_they_add_up() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237)]
    part = Reading("SITI RAHMAWATI", part=True)
    first, second = (part, 50_000, {1: 50_000}), (SITI, 99_237, {1: 99_237})
    assert [truth.decidable for truth in judged(orders, [first, second])] == [True, True]
    assert not judged(orders, [first])[0].decidable


def test_a_payer_is_known_after_two_exact_codes() -> None:
    coded = [order(1, "Siti Rahmawati", 149_000, code=237), order(2, "Siti Rahmawati", 99_000, code=41)]
    orders = [*coded, order(3, "Siti Rahmawati", 75_000), order(4, "Dewi Lestari", 75_000)]
    taught = [(STRANGER, 149_237, {1: 149_237}), (STRANGER, 99_041, {2: 99_041})]
    last = (STRANGER, 75_000, {3: 75_000})
    assert judged(orders, [*taught, last])[2].decidable
    assert not judged(orders, [*taught[:1], last])[1].decidable


def test_money_before_the_order_or_long_after_is_not_for_it() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237)]
    found = judged(orders, [(SITI, 149_237, {1: 149_237})] * 3, days=(-1, 5, 40))
    assert [truth.decidable for truth in found] == [False, True, False]


def test_what_the_bank_itself_pays_is_for_nothing() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237)]
    refund = judged(orders, [(Reading(unrelated=True), 149_237, {})])[0]
    assert (refund.decidable, refund.misleading) == (True, False)


def test_evidence_that_points_elsewhere_is_called_misleading() -> None:
    orders = [order(1, "Siti Rahmawati", 149_000, code=237), order(2, "Dewi Lestari", 151_000, code=3)]
    truth = judged(orders, [(SITI, 149_237, {2: 149_237})])[0]
    assert (truth.decidable, truth.misleading) == (False, True)


@pytest.mark.parametrize(
    ("shown", "customer", "cut", "points"),
    [
        ("SITI RAHMAWATI", "Siti Rahmawati, S.Pd", False, names.FULL),
        ("SITI RAHMAWATI", "Bu Siti Rahmawati", False, names.FULL),
        ("SITI RAHMAW", "Siti Rahmawati", True, names.CLEAR),
        ("SITI RAHMAW", "Siti Rahmawati", False, names.NONE),
        ("SITI NUR RAHMAWATI", "Siti Rahmawati", False, names.CLEAR),
        ("SITI RACHMAWATI", "Siti Rahmawati", False, names.MISSPELT),
        ("SITI RAHMAWATI", "Siti R", False, names.SHORT),
        ("SUHARTO", "Suharto", False, names.SHORT),
        ("SITI", "Siti Rahmawati", True, names.HINT),
        ("SITI RAHMAWATI", "Siti", False, names.HINT),
        ("MUHAMMAD RIZKI", "M. Rizki", False, names.FULL),
        ("SITI LESTARI", "Siti Rahmawati", False, names.NONE),
        ("", "Siti", False, names.NONE),
    ],
)
def test_how_a_name_fits(shown: str, customer: str, cut: bool, points: float) -> None:
    assert names.fit(shown, customer, cut) == points


words = st.text("ABC", max_size=6)


@given(words, words)
def test_one_change_is_symmetric(one: str, other: str) -> None:
    assert names.one_change(one, other) == names.one_change(other, one)


@given(words, st.integers(0, 5), st.sampled_from("ABC"))
def test_one_change_finds_any_letter_added(word: str, at: int, letter: str) -> None:
    assert names.one_change(word, word[:at] + letter + word[at:])


# --- Measures ---


def said(truth: Truth, decision: str, paid: dict[int, int], *candidates: set[int]) -> Match:
    return Match(truth.mutation_id, decision, paid, 1.0, 1.0, [frozenset(each) for each in candidates], [])


def perfect(made: TestSet) -> dict[str, Match]:
    return {
        truth.mutation_id: said(truth, "AUTO", truth.allocations)
        if truth.decidable and truth.allocations
        else said(truth, "AMBIGUOUS", {}, set(truth.allocations))
        if truth.allocations
        else said(truth, "NONE", {})
        for truth in made.truth
    }


def test_a_perfect_matcher_gets_all(made: TestSet) -> None:
    counts = judge(made, perfect(made)).total()
    assert counts.auto == counts.auto_right == counts.decidable_found == counts.decidable > 0
    assert counts.in_three == counts.findable
    assert (counts.several_found, counts.parts_found) == (counts.several, counts.parts)
    assert (counts.ties_auto, counts.nothing_auto, counts.misleading_auto) == (0, 0, 0)


def test_a_wicked_matcher_gets_nothing(made: TestSet) -> None:
    wicked = made.orders[0].order_id
    matches = {
        truth.mutation_id: said(truth, "AUTO", {wicked: 1}, {wicked, made.orders[1].order_id})
        for truth in made.truth
    }
    counts = judge(made, matches).total()
    assert counts.auto == counts.mutations == len(made.mutations)
    assert counts.auto_right == counts.decidable_found == counts.several_found == 0
    assert counts.nothing_auto == counts.nothing > 0
    assert counts.ties_auto == counts.ties


def by_hand(*truths: Truth, due: int = 149_237) -> TestSet:
    mutations = [Mutation(each.mutation_id, "A", DAY, 100, "CR", "POSTED", "") for each in truths]
    orders = [order(order_id, "Siti", due) for order_id in range(1, 5)]
    return TestSet("by hand", 0, orders, mutations, list(truths))


def test_a_wrong_amount_is_wrong() -> None:
    truth = Truth("m1", "exact", {1: 14_923_700}, decidable=True)
    counts = judge(by_hand(truth), {"m1": said(truth, "AUTO", {1: 14_900_000})}).total()
    assert (counts.auto, counts.auto_right) == (1, 0)


def test_what_several_orders_lack_may_be_taken_off_any_of_them() -> None:
    truth = Truth("m1", "several", {1: 14_923_700, 2: 14_673_700}, decidable=True, findable=True)
    made = by_hand(truth)
    swapped = said(truth, "AUTO", {1: 14_673_700, 2: 14_923_700})
    assert judge(made, {"m1": swapped}).total().auto_right == 1
    less = said(truth, "AUTO", {1: 14_673_700, 2: 14_673_700})
    assert judge(made, {"m1": less}).total().auto_right == 0


def test_each_truth_of_mutations_alike_counts_once() -> None:
    first = Truth("m1", "identical", {1: 100}, alike="m1")
    second = Truth("m2", "identical", {2: 100}, alike="m1")
    made = by_hand(first, second)
    exchanged = {"m1": said(first, "AUTO", {2: 100}), "m2": said(second, "AUTO", {1: 100})}
    assert judge(made, exchanged).total().auto_right == 2
    doubled = {"m1": said(first, "AUTO", {2: 100}), "m2": said(second, "AUTO", {2: 100})}
    assert judge(made, doubled).total().auto_right == 1


def test_the_first_candidate_counts_for_several_and_the_third_for_three() -> None:
    truth = Truth("m1", "several", {1: 100, 2: 100}, findable=True)
    made = by_hand(truth)
    first = judge(made, {"m1": said(truth, "SUGGESTED", {}, {1, 2}, {3})}).total()
    assert (first.several_found, first.in_three) == (1, 1)
    third = judge(made, {"m1": said(truth, "SUGGESTED", {}, {1}, {2}, {1, 2})}).total()
    assert (third.several_found, third.in_three) == (0, 1)
    fourth = judge(made, {"m1": said(truth, "SUGGESTED", {}, {1}, {2}, {3}, {1, 2})}).total()
    assert (fourth.several_found, fourth.in_three) == (0, 0)


def test_every_mutation_needs_a_line() -> None:
    with pytest.raises(MatchingError, match="m1"):
        judge(by_hand(Truth("m1", "exact", {1: 100})), {})


def test_bounds_of_a_share_are_wilsons() -> None:
    low, high = wilson(95, 100)
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5_000), st.data())
def test_bounds_hold_the_share(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    low, high = wilson(hits, of)
    assert 0 <= low <= hits / of <= high <= 1


def test_a_curve_takes_equal_scores_together() -> None:
    ranked = [(3.0, True), (2.0, False), (2.0, True), (1.0, True)]
    assert precision_by_coverage(ranked, 4)[:2] == [(0.25, 1.0), (0.5, pytest.approx(2 / 3))]


# --- Running ---


def test_the_yardstick_runs_like_any_command(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m bench.matching.naive"
    out = tmp_path / "out"
    finished = CliRunner().invoke(
        app,
        [
            *("--seeds", "1000", "--size", "60", "--command", command, "--mistakes", "2"),
            *("--out", str(out), "--keep", str(tmp_path / "kept")),
        ],
    )
    assert finished.exit_code == 0, finished.output
    results = json.loads((out / "results.json").read_text())
    for name in SETS:
        assert results["sets"][name]["command"] == results["sets"][name]["naive"]
        assert {path.name for path in (tmp_path / "kept" / f"{name}-1000").iterdir()} == {
            *("orders.jsonl", "mutations.jsonl", "truth.jsonl", "matches.jsonl", "naive.jsonl")
        }
    assert "<svg" in (out / "report.html").read_text()


def test_speed_is_timed_with_and_without_the_start() -> None:
    command = f"{shlex.quote(sys.executable)} -m bench.matching.naive"
    told: list[str] = []
    (speed,) = run.measure_speed(command, ["hard"], [40], told.append)
    assert told == ["speed: hard, 40 orders"]
    assert 40 <= speed.orders < speed.mutations + 40
    assert 0 < speed.net_s <= speed.seconds
    assert speed.rate_per_s == speed.mutations / speed.net_s


def test_a_matcher_sees_orders_and_mutations_only(tmp_path: Path) -> None:
    script = tmp_path / "looks.py"
    script.write_text(
        "import json, pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[2]).parent\n"
        "seen = {p.name: list(json.loads(p.read_text().splitlines()[0])) for p in folder.iterdir()}\n"
        "sys.exit(json.dumps(seen))\n"
    )
    kept = tmp_path / "kept"
    with pytest.raises(MatchingError) as told:
        run.measure(f"{sys.executable} {script}", [("hard", 1000)], 60, keep=kept, tell=lambda words: None)
    seen = json.loads(str(told.value).splitlines()[-1])
    assert set(seen) == {"orders.jsonl", "mutations.jsonl"}
    assert set(seen["orders.jsonl"]) == {
        *("order_id", "account", "payable_minor", "unique_code", "paid_minor", "customer_name"),
        *("create_time", "expire_time", "currency"),
    }
    assert set(seen["mutations.jsonl"]) == {
        *("mutation_id", "account", "date", "amount_minor", "direction", "status", "description", "currency")
    }


def test_a_matcher_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    script = tmp_path / "fails.py"
    script.write_text("import sys\nsys.exit('orders.jsonl:3: no such thing')\n")
    with pytest.raises(MatchingError, match=r"orders\.jsonl:3"):
        run.run_command(f"{sys.executable} {script}", tmp_path)
    with pytest.raises(MatchingError, match="no such program"):
        run.run_command(str(tmp_path / "missing"), tmp_path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ({"decision": "MAYBE"}, "no such decision"),
        ({"allocations": [{"order_id": 1, "amount_minor": 1}] * 2}, "allocated twice"),
        ({"candidates": None}, "not a match"),
    ],
)
def test_a_line_that_is_no_match_is_refused(tmp_path: Path, line: dict, words: str) -> None:
    whole = {"mutation_id": "m1", "decision": "NONE", "allocations": [], "score": 0, "margin": 0}
    whole |= {"reasons": [], "candidates": []}
    path = tmp_path / "matches.jsonl"
    path.write_text(json.dumps(whole) + "\n" + json.dumps(whole | {"mutation_id": "m2"} | line) + "\n")
    with pytest.raises(MatchingError, match=words):
        read_matches(path)


def test_seeds_are_numbers_and_ranges() -> None:
    assert seeds_of("1-3,7") == [1, 2, 3, 7]
    for words_of_seeds in ("", "3-1", "one", "1-"):
        with pytest.raises(Exception, match=r"seeds|range"):
            seeds_of(words_of_seeds)


def test_counts_add_up(made: TestSet) -> None:
    one, twice = judge(made, perfect(made)), judge(made, perfect(made))
    twice.add(one)
    assert twice.total().mutations == 2 * len(made.mutations)
    assert measure.total([one.total(), one.total()]) == twice.total()
