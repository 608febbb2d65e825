"""Drives the real server and the model with the same calls, and compares everything that can be seen."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any
from unittest.mock import ANY

import grpc
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from kasir.v1 import (
    admin_pb2,
    booking_pb2,
    catalogue_pb2,
    customer_pb2,
    drop_order_pb2,
    print_pb2,
    reconciliation_pb2,
    report_pb2,
    sale_pb2,
    shipping_pb2,
    stock_pb2,
    till_pb2,
    watch_pb2,
)
from tests.model.base import Record, Refused
from tests.model.plain import plain
from tests.model.shop import Shop
from tests.server.support import TIMEOUT_S, read_refusal

# A call is not made when a deadline is so near that it might fall in the middle of it.
GUARD_MS = 15
# How long the server may take to end what fell due; generous, because other tests may use the machine.
SETTLE_S = 10.0
DEADLINES = "/deadlines"


@dataclass(frozen=True)
class Method:
    """A method of the contract."""

    path: str
    request: type[Message]
    response: type[Message]


def _methods() -> Iterator[tuple[str, Method]]:
    modules = (
        admin_pb2, booking_pb2, catalogue_pb2, customer_pb2, drop_order_pb2, print_pb2, reconciliation_pb2,
        report_pb2, sale_pb2, shipping_pb2, stock_pb2, till_pb2,
    )  # fmt: skip
    for module in modules:
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield (
                    method.name,
                    Method(
                        f"/{service.full_name}/{method.name}",
                        GetMessageClass(method.input_type),
                        GetMessageClass(method.output_type),
                    ),
                )


METHODS = dict(_methods())


@dataclass(frozen=True)
class Sent:
    """An accepted request, and the bytes that came back."""

    path: str
    request: bytes
    actor: str
    reply: bytes


def now_ms() -> int:
    """The clock of this machine, which is the engine's."""
    return time.time_ns() // 1_000_000


class Driver:
    """One shop, twice: behind the server, and as a model."""

    def __init__(
        self, engine: Any, channel: grpc.Channel, tell: Callable[[str], None] = lambda _line: None
    ) -> None:
        """`tell` is told of each call, for the report of a failed run."""
        self.engine = engine
        self.channel = channel
        self.tell = tell
        self.model = Shop()
        self.accepted: list[Sent] = []
        self.last_id = 0
        # Something was done since both sides were compared.
        self.unseen = True

    # --- Commands ---

    def send(self, name: str, *, actor: str = "sari", again: str = "", **fields: Any) -> Record | None:
        """Makes a call on both sides. Returns the reply as a plain dict, None when both refused it. `again`
        sends it once more: the "same" bytes, or another body under the same id ("other").
        """
        method = METHODS[name]
        self.unseen = True
        self.last_id += 1
        request = method.request(request_id=str(uuid.UUID(int=self.last_id, version=4)), **fields)
        self.tell(f"{name} by {actor} {again}: {text_format.MessageToString(request, as_one_line=True)}")
        while True:
            self._let_deadlines_pass(GUARD_MS)
            began, before = now_ms(), self.engine.revision()
            reply, refused = self._call(method.path, request.SerializeToString(), actor)
            records = self._records(before)
            commands = [record for record in records if record.method != DEADLINES]
            # Nobody can say whether a refusal came before or after a deadline that fell within the call. It
            # changed nothing, so the call is made once more.
            if reply is not None or not self._falls_due(began, now_ms()):
                break
        if reply is None:
            assert commands == [], f"{name} was refused, yet the journal has {commands}"
            self._same_refusal(name, request, refused, began, actor)
            return None
        assert [record.request_id for record in commands] == [request.request_id], (name, commands)
        assert (commands[0].method, commands[0].actor) == (method.path, actor)
        shown = plain(method.response.FromString(reply))
        changes = commands[0].changes
        self.model.reweighed = {change.id for change in changes if change.event == "MutationProposed"}
        self._same_reply(name, request, shown, commands[0].time.ToMilliseconds(), actor)
        sent = Sent(method.path, request.SerializeToString(), actor, reply)
        self.accepted.append(sent)
        if again == "same":
            self.repeat(sent)
        elif again == "other":
            self.send_other_body(sent)
        return shown

    def _same_refusal(self, name: str, request: Message, refused: Any, at_ms: int, actor: str) -> None:
        expected = self._ask_model(name, request, at_ms, actor)
        answered = f"{name} was refused: {refused}\nthe model answers {expected}\nto {request}"
        assert isinstance(expected, Refused), answered
        facts = {key: refused.details.get(key) for key in expected.details}
        same = (refused.reason, facts) == (expected.reason, expected.details)
        assert same, f"{name}: {refused}\nthe model refuses {expected}\n{request}"

    def _ask_model(self, name: str, request: Message, at_ms: int, actor: str) -> Record | Refused:
        try:
            return self.model.call(name, plain(request), at_ms, actor)
        except Refused as refused:
            return refused

    def _same_reply(self, name: str, request: Message, shown: Record, at_ms: int, actor: str) -> None:
        self.model.codes_taken = _codes(shown)
        if name == "ProposeMatches":
            self.model.proposals_made = {
                mutation["mutation_id"]: mutation["proposal"]
                for mutation in self._pages("ListMutations", "mutations")
                if mutation["state"] == "PROPOSED" and mutation["bank_account_id"] == request.bank_account_id
            }
        expected = self._ask_model(name, request, at_ms, actor)
        must = f"{name} must be refused: {expected}\nthe server answers {shown}\nto {request}"
        assert not isinstance(expected, Refused), must
        assert self.model.codes_taken == []
        wrong = differences(expected, shown)
        assert not wrong, f"{name} at {at_ms}:\n" + "\n".join(wrong) + f"\nrequest: {request}"

    def repeat(self, sent: Sent) -> None:
        """The same bytes again: the same bytes back, and nothing happens."""
        self.unseen = True
        before = self.engine.revision()
        reply, refused = self._call(sent.path, sent.request, sent.actor)
        assert refused is None, f"{sent.path} again: {refused}"
        assert reply == sent.reply, f"{sent.path} again gave another reply"
        assert all(record.method == DEADLINES for record in self._records(before)), "a repeat had an effect"

    def send_other_body(self, sent: Sent) -> None:
        """The same id with another body: refused, and nothing happens."""
        self.unseen = True
        method = METHODS[sent.path.rsplit("/", 1)[1]]
        other = _other_body(method.request.FromString(sent.request))
        before = self.engine.revision()
        reply, refused = self._call(sent.path, other.SerializeToString(), sent.actor)
        assert reply is None, f"{sent.path} with another body was answered"
        assert refused.reason == "REQUEST_ID_REUSED", refused
        assert refused.code == grpc.StatusCode.ALREADY_EXISTS, refused
        assert all(record.method == DEADLINES for record in self._records(before)), (
            "a reused id had an effect"
        )

    # --- Questions ---

    def ask(self, name: str, **fields: Any) -> Any:
        """Asks the server alone; raises grpc.RpcError."""
        method = METHODS[name]
        request = method.request(**fields)
        reply = self.channel.unary_unary(method.path)(request.SerializeToString(), timeout=TIMEOUT_S)
        return method.response.FromString(reply)

    def ask_both(self, name: str, **fields: Any) -> None:
        """A question whose answer is worked out, not looked up: the same from both."""
        method = METHODS[name]
        request = method.request(**fields)
        while True:
            self.settle()
            began = now_ms()
            reply, refused = self._call(method.path, request.SerializeToString(), "sari")
            # What falls due meanwhile is over for one side, and perhaps not yet for the other.
            if not self._falls_due(began - GUARD_MS, now_ms()):
                break
        if reply is None:
            self._same_refusal(name, request, refused, began, "sari")
        else:
            shown = plain(method.response.FromString(reply))
            wrong = differences(self.model.call(name, plain(request), began, "sari"), shown)
            assert not wrong, f"{name}:\n" + "\n".join(wrong) + f"\nrequest: {request}"

    def settle(self) -> None:
        """Waits until both sides show the same; what fell due takes the server a moment."""
        give_up = time.monotonic() + SETTLE_S
        while True:
            self._let_deadlines_pass(2 * GUARD_MS)
            self.model.advance(now_ms())
            revision, began = self.engine.revision(), now_ms()
            wrong = differences(self.model.seen(), self.seen())
            if not wrong:
                self.unseen = False
                return
            late = self._falls_due(began, now_ms()) or self.engine.revision() != revision
            if time.monotonic() > give_up or (not late and time.monotonic() > give_up - SETTLE_S + 1.0):
                raise AssertionError("the shops differ:\n" + "\n".join(wrong))
            time.sleep(0.01)

    def seen(self) -> dict[str, Any]:
        """What the server's lists and reports show."""
        lists = {
            "items": "ListItems", "drop_orders": "ListDropOrders", "orders": "ListBookings",
            "column_mappings": "ListColumnMappings",
            "customers": "ListCustomers", "messages": "ListMessages", "mutations": "ListMutations",
            "shifts": "ListShifts", "sales": "ListSales", "refunds": "ListRefunds",
            "parcels": "ListParcels", "jobs": "ListPrintJobs",
        }  # fmt: skip
        found: dict[str, Any] = {field: self._pages(name, field) for field, name in lists.items()}
        for field, rows in found.items():
            if field not in {"items", "customers"}:
                assert rows == sorted(rows, key=_id_of, reverse=True), f"{field} are not newest first"
                rows.reverse()
        found["locations"] = [plain(each) for each in self.ask("ListLocations").locations]
        found["tills"] = [plain(each) for each in self.ask("ListTills").tills]
        found["holds"] = {hold_id: self._hold(hold_id) for hold_id in self.model.holds}
        places = [location["location_id"] for location in found["locations"]]
        stocks = [self._pages("ListStocks", "stocks", location_id=place) for place in places]
        found["stocks"] = sorted(chain(*stocks), key=lambda stock: (stock["item_id"], stock["location_id"]))
        found["totals"] = {day: self._totals(day) for day in self.model.totals}
        found["credits"] = [row["customer_id"] for row in self._pages("ListCredits", "customers")][::-1]
        rows = map(plain, self.ask("GetOpenMoney").open_money)
        found["open_money"] = {row["kind"]: (row["count"], row["amount"]) for row in rows}
        return found

    def _pages(self, name: str, field: str, **fields: Any) -> list[Record]:
        rows: list[Record] = []
        token = ""
        while True:
            reply = self.ask(name, page_token=token, page_size=100, **fields)
            rows += [plain(each) for each in getattr(reply, field)]
            token = reply.next_page_token
            if not token:
                return rows

    def _hold(self, hold_id: int) -> Record | None:
        try:
            return plain(self.ask("GetHold", hold_id=hold_id).hold)
        except grpc.RpcError as error:
            reason = read_refusal(error).reason
            return None if reason == "HOLD_NOT_FOUND" else {"refused": reason}

    def _totals(self, day: str) -> dict[str, tuple[int, int]]:
        reply = self.ask("GetDayReport", date=day)
        assert reply.date == day
        totals: dict[str, tuple[int, int]] = {}
        for group in reply.groups:
            if group.dimension == report_pb2.REPORT_DIMENSION_ALL:
                for total in map(plain, group.totals):
                    totals[total["metric"]] = (total["count"], total["amount"] or 0)
        return totals

    # --- The wire, the journal, the clock ---

    def _call(self, path: str, request: bytes, actor: str) -> tuple[bytes | None, Any]:
        try:
            call = self.channel.unary_unary(path)
            return call(request, timeout=TIMEOUT_S, metadata=(("kasir-actor", actor),)), None
        except grpc.RpcError as error:
            return None, read_refusal(error)

    def _records(self, after: int) -> list[Any]:
        """Journal records after a revision, gapless, times never going back."""
        changes = self.engine.read_changes(after, 1_000)
        records = list(watch_pb2.WatchResponse.FromString(changes.response).records)
        assert [record.revision for record in records] == list(range(after + 1, after + 1 + len(records)))
        times = [record.time.ToMilliseconds() for record in records]
        assert times == sorted(times)
        return records

    def _falls_due(self, began: int, ended: int) -> bool:
        return any(began <= due <= ended for due, _, _ in self.model.deadlines())

    def _let_deadlines_pass(self, guard_ms: int) -> None:
        while near := [due for due, _, _ in self.model.deadlines() if 0 <= due - now_ms() <= guard_ms]:
            time.sleep(max(near[0] - now_ms() + 1, 1) / 1_000)

    def wait(self, longest_ms: int) -> None:
        """Lets everything end that falls due within a while."""
        self.unseen = True
        self._let_deadlines_pass(longest_ms)


def _id_of(row: Record) -> int:
    return int(next(iter(row.values())))


def _codes(shown: Record) -> list[int]:
    """The unique codes that a reply to a booking gives, in order."""
    if "results" not in shown:
        orders = [shown.get("order")]
    else:
        orders = [result.get("order") for result in shown["results"]]
    # Only bookings give codes: an order in another reply has its code since long.
    fresh = [order for order in orders if order and order["version"] == 1]
    return [order["unique_code"] for order in fresh if order["bank_account_id"]]


def _other_body(request: Message) -> Message:
    """The request with its first number or text changed."""
    other = type(request)()
    other.CopyFrom(request)
    if not _change_first(other, skip="request_id"):
        elements = next(value for field, value in other.ListFields() if field.is_repeated)
        elements.append(elements[0])
    return other


def _change_first(message: Message, skip: str = "") -> bool:
    for descriptor in message.DESCRIPTOR.fields:
        name = descriptor.name
        if name == skip or descriptor.is_repeated:
            continue
        if descriptor.message_type is not None:
            if message.HasField(name) and _change_first(getattr(message, name)):
                return True
        elif descriptor.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            setattr(message, name, getattr(message, name) + "x")
            return True
        elif descriptor.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            setattr(message, name, not getattr(message, name))
            return True
        elif descriptor.enum_type is None:
            setattr(message, name, getattr(message, name) + 1)
            return True
    return False


def differences(expected: Any, shown: Any, where: str = "") -> list[str]:
    """What the server shows otherwise than the model expects, one line each."""
    if expected is ANY:
        return []
    if where.endswith(".error") and expected is not None and shown is not None:
        facts = {name: shown["details"].get(name) for name in expected["details"]}
        shown = {"reason": shown["reason"], "details": facts}
    if isinstance(expected, dict) and isinstance(shown, dict):
        lines = []
        for name in sorted(expected.keys() | shown.keys(), key=str):
            if name not in expected or name not in shown:
                side = "model" if name in expected else "server"
                lines.append(f"{where}.{name}: only the {side} has it: {(expected | shown)[name]}")
            else:
                lines += differences(expected[name], shown[name], f"{where}.{name}")
        return lines
    if isinstance(expected, list) and isinstance(shown, list) and len(expected) == len(shown):
        pairs = enumerate(zip(expected, shown, strict=True))
        return [line for index, pair in pairs for line in differences(*pair, f"{where}[{index}]")]
    return [] if expected == shown else [f"{where}: the model has {expected!r}, the server {shown!r}"]
