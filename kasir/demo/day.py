"""A whole day of the shop, from the empty directory to the summary."""

import datetime as dt
import json
import os
import queue
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from rich.console import Console, RenderableType

from clients.common.client import LONG_TIMEOUT_S
from clients.common.times import WIB_CLOCK
from clients.couriers.simulator import CourierSimulator
from clients.report import report_view
from kasir.demo import bank, checks, desk, dispatch, printers, warehouse
from kasir.demo.board import Board
from kasir.demo.counter import Till, close_shift, open_shift
from kasir.demo.live import Follower, Meeting
from kasir.demo.opening import Facts, set_up
from kasir.demo.plan import CONNECTED_COURIER, OTHER_COURIER, TILLS, Chat, Fate, Plan
from kasir.demo.result import figures, look
from kasir.demo.stage import PATIENCE_S, DemoFailed, Stage, Stopped, environment
from kasir.v1.admin_pb2 import (
    GetStatusRequest,
    GetStatusResponse,
    VerifyStoreRequest,
    VerifyStoreResponse,
)
from kasir.v1.drop_order_pb2 import WatchDropOrdersRequest, WatchDropOrdersResponse
from kasir.v1.report_pb2 import REPORT_DIMENSION_ALL
from kasir.v1.till_pb2 import Shift
from kasir.v1.watch_pb2 import RESOURCE_ORDER, WatchRequest, WatchResponse

T = TypeVar("T")

AGENTS = ("cs-sari", "cs-dewi", "cs-rina", "cs-putri")
DRIVERS = {CONNECTED_COURIER: "kurir-jne", OTHER_COURIER: "kurir-pos"}
DESK_TILL = "KASIR-CS"
UNSOLD = frozenset({Fate.CANCELS, Fate.EXPIRES, Fate.PAYS_TOO_LATE})
# Most that one airway bill takes, all of them being asked for at once
AIRWAY_BILL_S = 0.1
# Shift reports: one of each till of the shop floor, one of the desk's
SHIFT_REPORTS = TILLS + 1


@dataclass(frozen=True)
class Outcome:
    """What the day came to."""

    summary: dict[str, Any]
    report: RenderableType
    differences: list[str]
    """What the server counts otherwise than the demo; empty when all is well."""


def today() -> dt.date:
    """The day it is in the shop."""
    return dt.datetime.now(WIB_CLOCK).date()


class Day:
    """One day on one stage."""

    def __init__(self, stage: Stage, plan: Plan, console: Console) -> None:
        self.stage, self.plan, self.ledger = stage, plan, stage.ledger
        self.board = Board(console)
        self.book = desk.Book()
        self.first_day = today()
        self.phases: dict[str, float] = {}

    def play(self) -> Outcome:
        """Plays it all. Raises DemoFailed, CallFailed."""
        try:
            with self.board.shown():
                return self._play()
        except Stopped:
            # What the first one failed of says more.
            raise (self.stage.failure or DemoFailed("The day was stopped.")) from None
        finally:
            self.stage.kill_server()

    def _play(self) -> Outcome:
        self.stage.clear()
        self.stage.start_server()
        self._done("server", f"the server runs at {self.stage.address}")
        facts = set_up(self.stage, self.plan)
        self._done("set-up", f"{len(self.plan.goods)} items imported, the morning's goods received")
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(2 * len(AGENTS) + TILLS + 2))
            # Runs before the pool is waited for: after a failure nobody goes on.
            stack.push(self._tell_the_others)
            papers = self._papers()
            bar = self.board.bar("Papers printed", papers)
            room = stack.enter_context(printers.PrintRoom(self.stage, bar))
            tills = [self._open_till(pool, facts, number) for number in range(TILLS)]
            self._orders(pool, facts)
            self._bank(facts)
            courier = self._dispatch(facts)
            for till in self._join(tills):
                self._till_closed(till)
            room.wait_for(papers)
            self._done("papers", f"{papers} papers are printed")
            room.begin_together()
            self._hand_out(pool, facts)
            room.await_together()
            self._done("labels", "all labels stand in one PDF as well")
        return self._close(facts, courier)

    # -- the morning -----------------------------------------------------------------------------------------

    def _open_till(self, pool: ThreadPoolExecutor, facts: Facts, number: int) -> "Future[Shift]":
        carts = self.plan.carts[number]
        till = Till(self.stage, facts, number, self.plan.seed)
        return self._submit(
            pool, till.work, carts, self.board.bar(f"Sales at KASIR-{number + 1}", len(carts))
        )

    def _orders(self, pool: ThreadPoolExecutor, facts: Facts) -> None:
        """Drop Orders and Book Orders, until what nobody pays has expired and is back in the warehouse."""
        screen, expired = Meeting(self.stage), Meeting(self.stage)
        with ExitStack() as stack:
            self._screens(stack, screen, expired)
            wishes = sum(len(chat.wishes) for chat in self.plan.chats) + len(self.plan.unbooked)
            bar = self.board.bar("Drop Orders", wishes + len(self.plan.not_found))
            store = warehouse.Warehouse(self.stage, facts, self.plan, bar)
            stack.callback(store.close)
            store.open()
            staff = [self._submit(pool, store.work, name) for name in warehouse.STAFF]
            self._take_orders(pool, facts, screen)
            made = f"{self.ledger['drop_orders']} Drop Orders, {len(self.book.entries)} Book Orders"
            self._done("orders", f"{made}, {self.ledger['cancelled']} cancelled")
            desk.await_deadlines(self.stage, self.book, expired)
            self._done("deadlines", f"{self.ledger['expired']} Book Orders have expired")
            self._last_taker(facts, screen)
        self._join(staff)
        due = warehouse.returns_due(self.stage)
        bar = self.board.bar("Scanned back", len(due))
        shares = [due[start :: len(warehouse.STAFF)] for start in range(len(warehouse.STAFF))]
        self._join(
            self._submit(pool, warehouse.take_back, self.stage, facts, name, share, bar)
            for name, share in zip(warehouse.STAFF, shares, strict=True)
        )
        warehouse.write_off(self.stage, facts, self.plan)
        self._done("returns", f"{len(due)} Drop Orders were scanned back into the warehouse")

    def _screens(self, stack: ExitStack, screen: Meeting, expired: Meeting) -> None:
        """What the desk sees live: Drop Orders on `screen`, orders that expire in `expired`."""
        with self.stage.shop(AGENTS[0]) as shop:
            revision = shop.call(GetStatusRequest(), GetStatusResponse).revision

        def see(reply: WatchDropOrdersResponse) -> None:
            if reply.HasField("drop_order"):
                screen.tell(reply.drop_order.drop_order_id, reply.drop_order)

        def hear(reply: WatchResponse) -> None:
            for record in reply.records:
                for change in record.changes:
                    if change.event == "OrderExpired":
                        expired.tell(change.id, True)

        drop_orders = WatchDropOrdersRequest(start_revision=revision)
        journal = WatchRequest(start_revision=revision, resources=[RESOURCE_ORDER])
        stack.enter_context(Follower(self.stage, "layar-cs", drop_orders, WatchDropOrdersResponse, see))
        stack.enter_context(Follower(self.stage, "layar-cs", journal, WatchResponse, hear))

    def _take_orders(self, pool: ThreadPoolExecutor, facts: Facts, screen: Meeting) -> None:
        bar = self.board.bar("Book Orders", len(self.plan.orders) - 1)
        chats: queue.SimpleQueue[Chat] = queue.SimpleQueue()
        for chat in self.plan.chats:
            chats.put(chat)

        def work(number: int) -> None:
            with self.stage.shop(AGENTS[number]) as shop:
                agent = desk.Agent(self.stage, facts, shop, screen, self.book)
                agent.work(chats, self.plan.unbooked[number :: len(AGENTS)], bar)

        self._join(
            [
                self._submit(pool, desk.web_shop, self.stage, facts, self.plan.straight, self.book, bar),
                *(self._submit(pool, work, number) for number in range(len(AGENTS))),
            ]
        )

    def _last_taker(self, facts: Facts, screen: Meeting) -> None:
        (too_late,) = self.book.of(Fate.PAYS_TOO_LATE)
        with self.stage.shop(AGENTS[0]) as shop:
            agent = desk.Agent(self.stage, facts, shop, screen, self.book)
            agent.take_the_last(self.plan.last_taker, too_late.order)

    # -- the evening -----------------------------------------------------------------------------------------

    def _bank(self, facts: Facts) -> None:
        statement = bank.write_statement(self.stage, self.book, today(), self.plan.seed)
        with self.stage.shop(bank.LEAD) as shop:
            bank.Reconciliation(self.stage, facts, self.book, statement, shop).work(
                lambda words: self._done("bank", words)
            )

    def _dispatch(self, facts: Facts) -> CourierSimulator:
        """Sales in one go, labels, airway bills. Returns the courier, who has stopped answering."""
        settled = Meeting(self.stage)
        connected = facts.couriers[CONNECTED_COURIER]
        bar = self.board.bar("Airway bills by the courier", 0)
        seed = self.plan.seed
        with (
            dispatch.courier_connection(self.stage, facts, seed, settled, lambda _parcel: bar()) as courier,
            self.stage.shop(bank.LEAD) as shop,
        ):
            shift = open_shift(shop, facts.desk_till, 0)
            results = dispatch.sell_all(self.stage, shop, DESK_TILL)
            dispatch.enter_by_hand(self.stage, facts, shop)
            waiting = dispatch.print_labels(self.stage, shop)
            self.ledger.add("labels_waited", waiting)
            self._done("sales", f"{len(results)} sales in one go; {waiting} labels wait for an airway bill")
            by_courier = {entry.order.order_id: entry.order.courier_id for entry in self.book.entries}
            asked = [each.parcel_id for each in results if by_courier[each.order_id] == connected]
            bar(total=len(asked))
            patience_s = PATIENCE_S + len(asked) * AIRWAY_BILL_S
            for some in (asked[: len(asked) // 2], asked):
                settled.await_all(some, dispatch.SETTLED.__contains__, "The airway bill", patience_s)
                dispatch.print_labels(self.stage, shop)
            # What the courier refused goes by the other one.
            dispatch.enter_by_hand(self.stage, facts, shop)
            dispatch.print_labels(self.stage, shop)
            refused = self.ledger["awb_refused"]
            given = len(asked) - refused
            self._done("airway bills", f"{given} airway bills from the courier, {refused} refused")
            close_shift(shop, shift.shift_id, 0, 0)
        self.ledger.add("courier_requests", courier.requests("GET") + courier.requests("POST"))
        self.ledger.add("courier_orders", sum(courier.orders_per_reference().values()))
        return courier

    def _till_closed(self, shift: Shift) -> None:
        difference = shift.difference.minor_units // 100
        words = f"short by Rp {-difference:,}".replace(",", ".") if difference else "its cash is right"
        self._done("tills", f"shift {shift.shift_id} of {shift.cashier}: {shift.sale_count} sales, {words}")

    def _hand_out(self, pool: ThreadPoolExecutor, facts: Facts) -> None:
        bar = self.board.bar("Scanned out to couriers", self.ledger["parcels"])
        self._join(
            self._submit(pool, dispatch.pick_up, self.stage, name, facts.couriers[code], bar)
            for code, name in DRIVERS.items()
        )
        self._done("couriers", f"{self.ledger['handed_to_courier']} parcels are with the couriers")

    # -- the close -------------------------------------------------------------------------------------------

    def _close(self, facts: Facts, courier: CourierSimulator) -> Outcome:
        with self.stage.shop(bank.LEAD) as shop:
            evening = look(shop, facts, self.first_day, today())
            ours = evening.connected_parcels(facts.couriers[CONNECTED_COURIER])
            dispatch.check_courier(self.stage, courier, ours)
            live = shop.call(VerifyStoreRequest(), VerifyStoreResponse, timeout_s=LONG_TIMEOUT_S)
            of_day = evening.reports[-1]
            whole = [group for group in of_day.groups if group.dimension == REPORT_DIMENSION_ALL]
            report = report_view(shop, of_day.date, whole)
        self._done("verify", f"the running server verified {live.records} records")
        self.stage.stop_server()
        resting = self._verify_at_rest()
        self._done("offline verify", "the stopped store was verified as well: kasir verify --data")
        if unanswered := self.stage.journal.pending():
            raise DemoFailed(f"{len(unanswered)} requests were never answered, first: {unanswered[0].note}.")
        broken = [*live.violations, *resting["violations"]]
        numbers = figures(evening, facts)
        differences = checks.differences(evening, numbers, self.plan, self.ledger, facts)
        invariants_ok = bool(live.ok and resting["ok"] and not broken)
        summary = self._summary(numbers, invariants_ok=invariants_ok)
        return Outcome(summary, report, [*(f"Broken: {words}" for words in broken), *differences])

    def _verify_at_rest(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "kasir.cli", "verify", "--data", str(self.stage.data), "--json"]
        finished = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=LONG_TIMEOUT_S, env=environment()
        )
        try:
            reply: dict[str, Any] = json.loads(finished.stdout)
        except ValueError as error:
            words = finished.stderr.strip() or f"status {finished.returncode}"
            raise DemoFailed(f"kasir verify failed: {words}") from error
        return reply

    def _summary(self, numbers: dict[str, int], *, invariants_ok: bool) -> dict[str, Any]:
        """The server's numbers, and those that only the demo knows."""
        ours = (
            *(
                "labels_waited",
                "awb_by_hand",
                "awb_refused",
                "courier_orders",
                "courier_requests",
                "matched_by_hand",
            ),
            *("undone", "out_of_stock", "alternatives", "wrong_scans", "released", "requests", "retries"),
        )
        summary = {**numbers, **{name: self.ledger[name] for name in ours}}
        # Of this process and of those it started and has seen end: server, print room, verification
        used = os.times()
        cpu_seconds = used.user + used.system + used.children_user + used.children_system
        return {
            **summary,
            "seed": self.plan.seed,
            "invariants_ok": invariants_ok,
            "seconds": round(self.board.seconds(), 1),
            "cpu_seconds": round(cpu_seconds, 1),
            "seconds_until": self.phases,
        }

    # -- tools -----------------------------------------------------------------------------------------------

    def _papers(self) -> int:
        """How many papers the day will need."""
        sold = [chat for chat in self.plan.orders if chat.fate not in UNSOLD]
        till_sales = sum(len(carts) for carts in self.plan.carts)
        parcels = sum(bool(chat.courier) for chat in sold)
        return len(self.plan.orders) + len(sold) + till_sales + parcels + SHIFT_REPORTS

    def _done(self, phase: str, words: str) -> None:
        self.phases[phase] = round(self.board.seconds(), 1)
        self.board.done(words)

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> "Future[T]":
        return pool.submit(self.stage.guarded(work), *arguments)

    def _join(self, futures: Iterable["Future[T]"]) -> list[T]:
        """What the works came to. Raises the first failure, at once."""
        waiting = list(futures)
        done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        return [future.result(PATIENCE_S) for future in waiting]

    def _tell_the_others(self, _kind: Any, failure: BaseException | None, _trace: Any) -> None:
        if failure is not None:
            self.stage.fail(failure)
