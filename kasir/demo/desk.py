"""Customer service: agents who take orders by chat, and the web shop that books by itself."""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from clients.common.problems import CallFailed
from clients.common.shop import Shop
from kasir.demo.live import Meeting
from kasir.demo.opening import Facts, rupiah
from kasir.demo.people import with_letters_for_digits
from kasir.demo.plan import DESK, SHORT_DEADLINE, WAREHOUSE, Chat, Fate, Wish
from kasir.demo.stage import DemoFailed, Stage, parts
from kasir.v1.booking_pb2 import (
    BatchCreateBookingsRequest,
    BatchCreateBookingsResponse,
    BookingInput,
    CancelBookingRequest,
    CancelBookingResponse,
    CreateBookingRequest,
    CreateBookingResponse,
    Order,
    OrderLineInput,
)
from kasir.v1.catalogue_pb2 import (
    FindItemsRequest,
    FindItemsResponse,
    GetItemRequest,
    GetItemResponse,
    ListAlternativesRequest,
    ListAlternativesResponse,
)
from kasir.v1.drop_order_pb2 import (
    DROP_ORDER_STATE_HANDED_OVER,
    DROP_ORDER_STATE_REJECTED,
    DropOrder,
    ReleaseDropOrderRequest,
    ReleaseDropOrderResponse,
    RequestDropOrderRequest,
    RequestDropOrderResponse,
)

# Of those who will not pay: long enough to be booked on a busy machine, short enough to be waited for.
SHORT_DEADLINE_S = 4.0
# How often another item is offered before the customer gives up.
OFFERS = 5
# Bookings of the web shop that go together
WEB_BATCH = 20
ARRIVED = frozenset({DROP_ORDER_STATE_HANDED_OVER, DROP_ORDER_STATE_REJECTED})
REASONS = (
    "Pelanggan berubah pikiran",
    "Salah pilih ukuran",
    "Menemukan yang lebih murah",
    "Alamat tidak terjangkau",
)


def short_deadline() -> Timestamp:
    """A payment deadline within the demo."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime.now(UTC) + timedelta(seconds=SHORT_DEADLINE_S))
    return stamp


@dataclass
class Booked:
    """A Book Order as it was made, and the plan for it."""

    order: Order
    chat: Chat


@dataclass
class Book:
    """All Book Orders of the day. Appending is safe from many threads."""

    entries: list[Booked] = field(default_factory=list)

    def of(self, *fates: Fate) -> list[Booked]:
        """Those that come to such an end, by order number."""
        found = [entry for entry in self.entries if entry.chat.fate in fates]
        return sorted(found, key=lambda entry: entry.order.order_id)


class Agent:
    """One CS agent at the desk."""

    def __init__(self, stage: Stage, facts: Facts, shop: Shop, screen: Meeting, book: Book) -> None:
        """`screen` brings Drop Orders as the desk's live stream shows them."""
        self.stage, self.facts, self.shop, self.screen, self.book = stage, facts, shop, screen, book

    def work(
        self, chats: "queue.SimpleQueue[Chat]", unbooked: Sequence[Wish], on_booked: Callable[[], None]
    ) -> None:
        """Serves chats until none is left, cancels where minds change, gives back what nobody takes."""
        not_wanted = [self._ask(wish) for wish in unbooked]
        cancelled: list[Booked] = []
        while True:
            try:
                chat = chats.get_nowait()
            except queue.Empty:
                break
            booked = self._serve(chat)
            on_booked()
            if chat.fate is Fate.CANCELS:
                cancelled.append(booked)
            # They think about it for a while.
            if len(cancelled) > 2:
                cancel(self.stage, self.shop, cancelled.pop(0))
        for booked in cancelled:
            cancel(self.stage, self.shop, booked)
        for wish, drop_order_id in not_wanted:
            _, drop_order = self._arrival(wish, drop_order_id)
            request = ReleaseDropOrderRequest(drop_order_id=drop_order.drop_order_id)
            self.shop.call(request, ReleaseDropOrderResponse)
            self.stage.ledger.add("released")

    def _serve(self, chat: Chat) -> Booked:
        """From the enquiry to the order slip."""
        asked = [self._ask(wish) for wish in chat.wishes]
        lines = []
        for wish, drop_order_id in asked:
            given, drop_order = self._arrival(wish, drop_order_id)
            line = _line(self.facts, given)
            line.drop_order_id = drop_order.drop_order_id
            lines.append(line)
        booking = _booking(self.facts, chat, lines)
        order = self.shop.call(CreateBookingRequest(booking=booking), CreateBookingResponse).order
        booked = Booked(order, chat)
        self.book.entries.append(booked)
        return booked

    def _ask(self, wish: Wish) -> tuple[Wish, int]:
        """Looks the item up and asks the warehouse for it; for another one when there is none."""
        words = FindItemsRequest(query=wish.good.sku, page_size=5)
        found = self.shop.call(words, FindItemsResponse).items
        if not any(each.item.sku == wish.good.sku for each in found):
            raise DemoFailed(f"{wish.good.sku} is not found by its code.")
        for _ in range(OFFERS):
            request = RequestDropOrderRequest(
                item_id=self.facts.items[wish.good.sku],
                quantity=wish.quantity,
                from_location_id=self.facts.locations[WAREHOUSE],
                to_location_id=self.facts.locations[DESK],
                note=wish.good.name,
            )
            try:
                drop_order = self.shop.call(request, RequestDropOrderResponse).drop_order
            except CallFailed as failed:
                if failed.reason != "OUT_OF_STOCK":
                    raise
                self.stage.ledger.add("out_of_stock")
                wish = self._alternative(wish)
                continue
            self.stage.ledger.add("drop_orders")
            return wish, drop_order.drop_order_id
        raise DemoFailed(f"Nothing could be had instead of {wish.good.name}.")

    def _arrival(self, wish: Wish, drop_order_id: int) -> tuple[Wish, DropOrder]:
        """Waits for the item. What the warehouse cannot give is asked for again as something else."""
        for _ in range(OFFERS):
            drop_order: DropOrder = self.screen.await_fact(
                drop_order_id, lambda seen: seen.state in ARRIVED, "The answer of the warehouse"
            )
            if drop_order.state == DROP_ORDER_STATE_HANDED_OVER:
                return wish, drop_order
            wish, drop_order_id = self._ask(self._alternative(wish))
        raise DemoFailed(f"The warehouse could not give anything instead of {wish.good.name}.")

    def _alternative(self, wish: Wish) -> Wish:
        """What the engine offers instead, as far as the warehouse has it."""
        request = ListAlternativesRequest(item_id=self.facts.items[wish.good.sku])
        warehouse = self.facts.locations[WAREHOUSE]
        for offered in self.shop.call(request, ListAlternativesResponse).items:
            if any(
                stock.location_id == warehouse and stock.available >= wish.quantity
                for stock in offered.stocks
            ):
                self.stage.ledger.add("alternatives")
                return Wish(self.facts.goods[offered.item.item_id], wish.quantity)
        raise DemoFailed(f"The engine offers nothing instead of {wish.good.name}.")

    def take_the_last(self, chat: Chat, waiting: Order) -> Booked:
        """Books what an expired order left on the desk, before it goes back to the warehouse."""
        (wish,) = chat.wishes
        scanned = self.shop.call(GetItemRequest(barcode=wish.good.barcode), GetItemResponse).item
        if scanned.item.item_id != waiting.lines[0].item_id:
            raise DemoFailed(f"The barcode of {wish.good.name} is another item's.")
        line = _line(self.facts, wish)
        line.drop_order_id = waiting.lines[0].drop_order_id
        request = CreateBookingRequest(booking=_booking(self.facts, chat, [line]))
        booked = Booked(self.shop.call(request, CreateBookingResponse).order, chat)
        self.book.entries.append(booked)
        return booked


def web_shop(
    stage: Stage, facts: Facts, chats: Sequence[Chat], book: Book, on_booked: Callable[[], None]
) -> None:
    """Books what web shop and marketplace sold straight from stock, some together; some customers cancel."""
    with stage.shop("toko-web") as shop:
        for part in parts(chats, WEB_BATCH):
            bookings = []
            for chat in part:
                lines = [_line(facts, wish) for wish in chat.wishes]
                for line in lines:
                    line.location_id = facts.locations[chat.from_stock]
                bookings.append(_booking(facts, chat, lines))
            reply = shop.call(BatchCreateBookingsRequest(bookings=bookings), BatchCreateBookingsResponse)
            for chat, result in zip(part, reply.results, strict=True):
                if result.HasField("error"):
                    raise DemoFailed(f"The web shop's booking was refused: {result.error.message}")
                booked = Booked(result.order, chat)
                book.entries.append(booked)
                on_booked()
                if chat.fate is Fate.CANCELS:
                    cancel(stage, shop, booked)


def cancel(stage: Stage, shop: Shop, booked: Booked) -> None:
    """The customer does not want it any more."""
    order_id = booked.order.order_id
    request = CancelBookingRequest(order_id=order_id, reason=REASONS[order_id % len(REASONS)])
    shop.call(request, CancelBookingResponse)
    stage.ledger.add("cancelled")


def await_deadlines(stage: Stage, book: Book, expired: Meeting) -> list[Order]:
    """Waits until every order that nobody pays has expired; `expired` hears of them. Returns them."""
    wanted = [entry.order for entry in book.of(*SHORT_DEADLINE)]
    ends = max((order.expire_time.ToDatetime(UTC).timestamp() for order in wanted), default=0.0)
    left_s = max(ends - time.time(), 0.0)
    expired.await_all([order.order_id for order in wanted], bool, "The expiry of orders", left_s + 20.0)
    stage.ledger.add("expired", len(wanted))
    return wanted


def _line(facts: Facts, wish: Wish) -> OrderLineInput:
    return OrderLineInput(
        item_id=facts.items[wish.good.sku],
        quantity=wish.quantity,
        discount=rupiah(wish.discount_rupiah) if wish.discount_rupiah else None,
    )


def _booking(facts: Facts, chat: Chat, lines: Sequence[OrderLineInput]) -> BookingInput:
    """What is booked for a customer, from whatever the lines name."""
    customer = chat.customer
    grams = sum(facts.goods[line.item_id].weight_grams * line.quantity for line in lines)
    booking = BookingInput(
        customer_name=customer.name,
        customer_phone=customer.phone,
        lines=lines,
        channel=chat.channel,
        price_list=chat.price_list,
        bank_account_id=0 if chat.fate is Fate.PAYS_MARKETPLACE else facts.account,
        courier_id=facts.couriers[chat.courier],
        expire_time=short_deadline() if chat.fate in SHORT_DEADLINE else None,
    )
    if chat.courier:
        address = with_letters_for_digits(customer.address) if chat.bad_address else customer.address
        booking.address.CopyFrom(address)
        booking.courier_service = "REG"
        # Couriers count every kilogram that was begun.
        booking.shipping.CopyFrom(rupiah(customer.place.rupiah_per_kg * max(-(-grams // 1_000), 1)))
    return booking
