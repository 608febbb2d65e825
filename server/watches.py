"""The Watch streams: how things stand now, then every change, with no gap between the two.

Each stream takes the current revision first and lists afterwards, so that whatever changes during the listing
is seen again in the journal. No read transaction stays open: a page of a list or of the journal is one call.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from engine import Changes, Code, Engine, EngineError
from kasir.v1 import (
    booking_pb2,
    customer_pb2,
    drop_order_pb2,
    print_pb2,
    shipping_pb2,
    watch_pb2,
)
from server.calls import Call, Frame, ServerStream, field_error, parse
from server.journal import Follower, JournalClock
from server.sight import Sight

FROM_NOW = -1
LIST_PAGE = 1_000
TOO_MANY_STREAMS_RETRY_MS = 5_000

BOOKING = "/kasir.v1.BookingService/"
CUSTOMER = "/kasir.v1.CustomerService/"
DROP_ORDER = "/kasir.v1.DropOrderService/"
PRINT = "/kasir.v1.PrintService/"
SHIPPING = "/kasir.v1.ShippingService/"
WATCH = "/kasir.v1.WatchService/"

# What ends, takes up again or uses up the Drop Orders of a Book Order; the journal names only the order then.
ORDER_EVENTS_THAT_MOVE_DROP_ORDERS = frozenset(
    {"OrderCancelled", "OrderExpired", "PaymentAllocated", "PaymentUndone", "SaleMade"}
)
# After these a parcel waits for the courier's agent.
AIRWAY_BILL_EVENTS = frozenset({"ParcelCreated", "AirwayBillRequested", "AirwayBillLost"})
AIRWAY_BILL_OPEN = (
    shipping_pb2.AIRWAY_BILL_STATE_REQUESTED,
    shipping_pb2.AIRWAY_BILL_STATE_UNKNOWN,
)

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Listing:
    """A List method of the contract that answers newest first: its request, and the things in its
    response.
    """

    method: str
    request: Callable[[str], Message]
    response: type[Any]
    items: Callable[[Any], Iterable[Any]]
    id_of: Callable[[Any], int]


class Watches:
    """Makes the handlers of all Watch methods."""

    def __init__(
        self, engine: Engine, clock: JournalClock, *, max_streams: int, heartbeat_s: float, max_lag: int
    ) -> None:
        self.engine = engine
        self.clock = clock
        self.max_streams = max_streams
        self.heartbeat_s = heartbeat_s
        self.max_lag = max_lag

    def handlers(self) -> dict[str, ServerStream]:
        """By full method name."""
        streams: dict[str, ServerStream] = {
            WATCH + "Watch": self.watch,
            DROP_ORDER + "WatchDropOrders": self.drop_orders,
            PRINT + "WatchPrintJobs": self.print_jobs,
            SHIPPING + "WatchAirwayBillRequests": self.airway_bills,
            CUSTOMER + "WatchMessages": self.messages,
        }
        return {method: self.bounded(stream) for method, stream in streams.items()}

    def bounded(self, stream: ServerStream) -> ServerStream:
        """`stream`, refused when too many are open."""

        async def bounded(call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
            if self.clock.streams >= self.max_streams:
                raise EngineError(
                    Code.RESOURCE_EXHAUSTED,
                    "TOO_MANY_STREAMS",
                    f"{self.max_streams} streams are open already. Close one, or try again later.",
                    {"limit": str(self.max_streams), "retry_ms": str(TOO_MANY_STREAMS_RETRY_MS)},
                )
            self.clock.streams += 1
            frames = stream(call, request)
            try:
                async for frame in frames:
                    yield frame
            finally:
                self.clock.streams -= 1
                await frames.aclose()

        return bounded

    def _follow(self, *resources: int) -> Follower:
        return Follower(self.clock, resources=resources, heartbeat_s=self.heartbeat_s, max_lag=self.max_lag)

    def _ask(self, method: str, request: Message, response: type[M]) -> M:
        return response.FromString(self.engine.query(method, request.SerializeToString()))

    def _start(self, start_revision: int) -> int:
        """The revision to begin after. Raises FIELD_OUT_OF_RANGE and REVISION_COMPACTED before anything is
        sent.
        """
        current = self.engine.revision()
        if start_revision == FROM_NOW:
            return current
        if not 0 <= start_revision <= current:
            raise field_error(
                "FIELD_OUT_OF_RANGE",
                "start_revision",
                f"start_revision is {start_revision}; it must be {FROM_NOW} or from 0 to {current}.",
            )
        self.engine.read_changes(start_revision, 1)
        return start_revision

    async def watch(self, call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """WatchService.Watch: the journal's own bytes, passed on unread to who may see all of it."""
        wanted = parse(watch_pb2.WatchRequest, request)
        known = watch_pb2.Resource.values()
        for index, resource in enumerate(wanted.resources):
            if resource not in known or resource == watch_pb2.RESOURCE_UNSPECIFIED:
                raise field_error(
                    "FIELD_OUT_OF_RANGE",
                    f"resources[{index}]",
                    f"{resource} is no kind of thing that can be watched.",
                )
        sight = Sight(call, list(wanted.resources))
        start = self._start(wanted.start_revision)
        # Tells the reader at once where it stands, before the first change or heartbeat.
        yield Frame(watch_pb2.WatchResponse(revision=start).SerializeToString(), start)
        async for page in self._follow(*wanted.resources).pages(start):
            yield Frame(sight.of(page), page.revision)

    async def drop_orders(self, _call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """DropOrderService.WatchDropOrders. Until the first heartbeat the frames carry no revision: who is
        cut off in the middle of how things stand has to ask for that again.
        """
        wanted = parse(drop_order_pb2.WatchDropOrdersRequest, request)
        location = wanted.from_location_id
        start = self._start(wanted.start_revision or FROM_NOW)
        if wanted.start_revision == 0:
            async for drop_order, _ in self._oldest_first(_requested_drop_orders(location)):
                yield _drop_order_frame(drop_order, 0)
        yield _drop_order_frame(None, start)
        seen = start
        async for page in self._follow(watch_pb2.RESOURCE_DROP_ORDER, watch_pb2.RESOURCE_ORDER).pages(start):
            for record in watch_pb2.WatchResponse.FromString(page.response).records:
                found = [
                    found
                    for found in self._moved_drop_orders(record)
                    if location in (0, found.from_location_id)
                ]
                # All but the last of one record still carry the revision before it.
                for index, drop_order in enumerate(found):
                    yield _drop_order_frame(drop_order, record.revision if index + 1 == len(found) else seen)
                seen = record.revision
            seen = page.revision
            if not page.records:
                yield _drop_order_frame(None, seen)

    def _moved_drop_orders(self, record: watch_pb2.JournalRecord) -> Iterator[drop_order_pb2.DropOrder]:
        """The Drop Orders that a journal record changed, as they stand."""
        ids: dict[int, None] = {}
        for change in record.changes:
            if change.resource == watch_pb2.RESOURCE_DROP_ORDER:
                ids[change.id] = None
            elif (
                change.resource == watch_pb2.RESOURCE_ORDER
                and change.event in ORDER_EVENTS_THAT_MOVE_DROP_ORDERS
            ):
                order = self._ask(
                    BOOKING + "GetBooking",
                    booking_pb2.GetBookingRequest(order_id=change.id),
                    booking_pb2.GetBookingResponse,
                ).order
                ids.update(dict.fromkeys(line.drop_order_id for line in order.lines if line.drop_order_id))
        changed_at = record.time.ToMilliseconds()
        for drop_order_id in ids:
            drop_order = self._ask(
                DROP_ORDER + "GetDropOrder",
                drop_order_pb2.GetDropOrderRequest(drop_order_id=drop_order_id),
                drop_order_pb2.GetDropOrderResponse,
            ).drop_order
            # An order's payment, say, leaves its Drop Orders as they were.
            if drop_order.update_time.ToMilliseconds() >= changed_at:
                yield drop_order

    async def print_jobs(self, _call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """PrintService.WatchPrintJobs. A job is QUEUED once, when it is made, and ids grow: what lies above
        the last id sent is new, and nothing is sent twice on one stream.
        """
        wanted = parse(print_pb2.WatchPrintJobsRequest, request)
        if wanted.kind not in print_pb2.DocumentKind.values():
            raise field_error("FIELD_OUT_OF_RANGE", "kind", f"{wanted.kind} is no kind of document.")
        async for job in self._queued(QUEUED_JOBS, watch_pb2.RESOURCE_PRINT_JOB):
            if job is None:
                yield Frame(print_pb2.WatchPrintJobsResponse().SerializeToString(), 0)
            elif _is_wanted(wanted, job):
                whole = self._ask(
                    PRINT + "GetPrintJob",
                    print_pb2.GetPrintJobRequest(print_job_id=job.print_job_id),
                    print_pb2.GetPrintJobResponse,
                ).job
                # Another agent may have taken it meanwhile.
                if whole.state == print_pb2.PRINT_JOB_STATE_QUEUED:
                    yield Frame(print_pb2.WatchPrintJobsResponse(job=whole).SerializeToString(), 0)

    async def messages(self, _call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """CustomerService.WatchMessages. A message is QUEUED once, when it is made: as with print jobs."""
        parse(customer_pb2.WatchMessagesRequest, request)
        async for message in self._queued(QUEUED_MESSAGES, watch_pb2.RESOURCE_MESSAGE):
            yield Frame(customer_pb2.WatchMessagesResponse(message=message).SerializeToString(), 0)

    async def airway_bills(self, _call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """ShippingService.WatchAirwayBillRequests. A parcel comes again whenever it is requested again or its
        answer was lost, and not for any other change to it.
        """
        parse(shipping_pb2.WatchAirwayBillRequestsRequest, request)
        start = self.engine.revision()
        # Parcels listed, with a revision that the list they came from surely held: what changed up to it was
        # in there.
        listed: dict[int, int] = {}
        for state in AIRWAY_BILL_OPEN:
            async for parcel, as_of in self._oldest_first(_parcels_in(state)):
                listed[parcel.parcel_id] = as_of
                yield _parcel_frame(parcel)
        listed_until = self.engine.revision()
        yield _parcel_frame(None)
        async for page in self._follow(watch_pb2.RESOURCE_PARCEL).pages(start):
            changed = _changed(page, watch_pb2.RESOURCE_PARCEL, AIRWAY_BILL_EVENTS)
            for parcel_id, revision in {changed_id: revision for revision, changed_id in changed}.items():
                if revision <= listed.get(parcel_id, 0):
                    continue
                parcel = self._ask(
                    SHIPPING + "GetParcel",
                    shipping_pb2.GetParcelRequest(parcel_id=parcel_id),
                    shipping_pb2.GetParcelResponse,
                ).parcel
                if parcel.airway_bill_state in AIRWAY_BILL_OPEN:
                    yield _parcel_frame(parcel)
            if page.revision >= listed_until:
                listed.clear()
            if not page.records:
                yield _parcel_frame(None)

    async def _oldest_first(self, listing: Listing, above: int = 0) -> AsyncGenerator[tuple[Any, int], None]:
        """The things of a newest-first list with ids above `above`, oldest first, each with a revision that
        the list surely held when it was read.

        Only page tokens are kept on the way down, however long the list; each page is read again on the way
        up.
        """
        tokens = [""]
        while True:
            page = self._ask(listing.method, listing.request(tokens[-1]), listing.response)
            items = listing.items(page)
            if not page.next_page_token or any(listing.id_of(item) <= above for item in items):
                break
            tokens.append(page.next_page_token)
            await asyncio.sleep(0)
        following = ""
        for token in reversed(tokens):
            as_of = self.engine.revision()
            for item in reversed(self._between(listing, token, following, above)):
                above = listing.id_of(item)
                yield item, as_of
            following = token
            await asyncio.sleep(0)

    def _between(self, listing: Listing, token: str, following: str, above: int) -> list[Any]:
        """What lies between two page tokens above an id, newest first. Mostly that is one page; it is more
        when the list changed since the tokens were taken, and a page ends earlier than it did.
        """
        found: list[Any] = []
        while True:
            page = self._ask(listing.method, listing.request(token), listing.response)
            for item in listing.items(page):
                if listing.id_of(item) <= above:
                    return found
                found.append(item)
            token = page.next_page_token
            if token in ("", following):
                return found

    async def _queued(self, listing: Listing, resource: int) -> AsyncGenerator[Any, None]:
        """All that is QUEUED now, oldest first, then what is queued newly; None for a heartbeat."""
        start = self.engine.revision()
        last = 0
        async for item, _ in self._oldest_first(listing):
            last = listing.id_of(item)
            yield item
        yield None
        async for page in self._follow(resource).pages(start):
            newest = max((changed for _, changed in _changed(page, resource)), default=0)
            if newest > last:
                async for item, _ in self._oldest_first(listing, above=last):
                    last = listing.id_of(item)
                    yield item
                # Those that were made and taken meanwhile are not in the list any more.
                last = max(last, newest)
            if not page.records:
                yield None


def _is_wanted(wanted: print_pb2.WatchPrintJobsRequest, job: print_pb2.PrintJob) -> bool:
    """Whether a job is for the printers that are asked for: of the location or of any, and of the kind."""
    for_location = wanted.location_id == 0 or job.location_id in (0, wanted.location_id)
    return for_location and wanted.kind in (print_pb2.DOCUMENT_KIND_UNSPECIFIED, job.kind)


def _changed(page: Changes, resource: int, events: frozenset[str] | None = None) -> Iterator[tuple[int, int]]:
    """(revision, id) of what changed, each id once a record."""
    for record in watch_pb2.WatchResponse.FromString(page.response).records:
        ids = {
            change.id: None
            for change in record.changes
            if change.resource == resource and (events is None or change.event in events)
        }
        for changed in ids:
            yield record.revision, changed


def _drop_order_frame(drop_order: drop_order_pb2.DropOrder | None, revision: int) -> Frame:
    response = drop_order_pb2.WatchDropOrdersResponse(drop_order=drop_order, revision=revision)
    return Frame(response.SerializeToString(), revision)


def _parcel_frame(parcel: shipping_pb2.Parcel | None) -> Frame:
    return Frame(shipping_pb2.WatchAirwayBillRequestsResponse(parcel=parcel).SerializeToString(), 0)


def _requested_drop_orders(from_location_id: int) -> Listing:
    return Listing(
        DROP_ORDER + "ListDropOrders",
        lambda token: drop_order_pb2.ListDropOrdersRequest(
            state=drop_order_pb2.DROP_ORDER_STATE_REQUESTED,
            from_location_id=from_location_id,
            page_size=LIST_PAGE,
            page_token=token,
        ),
        drop_order_pb2.ListDropOrdersResponse,
        lambda page: page.drop_orders,
        lambda drop_order: drop_order.drop_order_id,
    )


def _parcels_in(state: shipping_pb2.AirwayBillState.ValueType) -> Listing:
    return Listing(
        SHIPPING + "ListParcels",
        lambda token: shipping_pb2.ListParcelsRequest(
            airway_bill_state=state, page_size=LIST_PAGE, page_token=token
        ),
        shipping_pb2.ListParcelsResponse,
        lambda page: page.parcels,
        lambda parcel: parcel.parcel_id,
    )


QUEUED_JOBS = Listing(
    PRINT + "ListPrintJobs",
    lambda token: print_pb2.ListPrintJobsRequest(
        state=print_pb2.PRINT_JOB_STATE_QUEUED, page_size=LIST_PAGE, page_token=token
    ),
    print_pb2.ListPrintJobsResponse,
    lambda page: page.jobs,
    lambda job: job.print_job_id,
)
QUEUED_MESSAGES = Listing(
    CUSTOMER + "ListMessages",
    lambda token: customer_pb2.ListMessagesRequest(
        state=customer_pb2.MESSAGE_STATE_QUEUED, page_size=LIST_PAGE, page_token=token
    ),
    customer_pb2.ListMessagesResponse,
    lambda page: page.messages,
    lambda message: message.message_id,
)
