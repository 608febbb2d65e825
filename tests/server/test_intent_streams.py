"""What agents take from the server: Drop Orders, print jobs, airway bill requests, messages.

Goal: an agent that connects sees all that waits, oldest first, then every new thing, nothing lost between the
two and nothing printed twice. Method: the real server; each stream opened before, between and after the
causes.
"""

import threading

import grpc
import pytest

from kasir.v1 import (
    booking_pb2,
    customer_pb2,
    drop_order_pb2,
    print_pb2,
    sale_pb2,
    shipping_pb2,
)
from tests.server.support import Shop, new_id, read_refusal, take

REQUESTED = drop_order_pb2.DROP_ORDER_STATE_REQUESTED
HANDED_OVER = drop_order_pb2.DROP_ORDER_STATE_HANDED_OVER
BOOKED = drop_order_pb2.DROP_ORDER_STATE_BOOKED
CONSUMED = drop_order_pb2.DROP_ORDER_STATE_CONSUMED
RETURN_DUE = drop_order_pb2.DROP_ORDER_STATE_RETURN_DUE
TIMEOUT_S = 20.0


@pytest.fixture
def shop(channel):
    return Shop(channel)


def drop_orders(shop: Shop, **request):
    return shop.drop_orders.WatchDropOrders(
        drop_order_pb2.WatchDropOrdersRequest(**request), timeout=TIMEOUT_S
    )


def has_drop_order(response) -> bool:
    return response.HasField("drop_order")


def has_job(response) -> bool:
    return response.HasField("job")


def states(responses) -> list[tuple[int, int]]:
    return [(response.drop_order.drop_order_id, response.drop_order.state) for response in responses]


def test_a_warehouse_screen_shows_what_is_asked_for_then_what_happens(shop):
    first, second, third = (shop.request_drop_order() for _ in range(3))
    shop.hand_over(second.drop_order_id)
    stream = drop_orders(shop)
    waiting = take(stream, 2, has_drop_order)
    assert states(waiting) == [(first.drop_order_id, REQUESTED), (third.drop_order_id, REQUESTED)]
    # Until all of it was sent there is no revision to resume from.
    assert [response.revision for response in waiting] == [0, 0]
    assert next(stream).revision > 0
    shop.hand_over(first.drop_order_id)
    fourth = shop.request_drop_order()
    changed = take(stream, 2, has_drop_order)
    assert states(changed) == [(first.drop_order_id, HANDED_OVER), (fourth.drop_order_id, REQUESTED)]
    stream.cancel()


def test_the_screen_follows_a_drop_order_through_its_book_order(shop):
    drop_order_id = shop.request_drop_order().drop_order_id
    shop.hand_over(drop_order_id)
    stream = drop_orders(shop, start_revision=-1)
    next(stream)
    order = shop.book(drop_order_id=drop_order_id)
    assert states(take(stream, 1, has_drop_order)) == [(drop_order_id, BOOKED)]
    shop.cancel(order.order_id)
    assert states(take(stream, 1, has_drop_order)) == [(drop_order_id, RETURN_DUE)]
    order = shop.book(drop_order_id=drop_order_id)
    assert states(take(stream, 1, has_drop_order)) == [(drop_order_id, BOOKED)]
    shop.pay(order)
    shop.sell(order.order_id)
    # Paying changed the order, not the Drop Order: the next thing seen is that it was used up.
    assert states(take(stream, 1, has_drop_order)) == [(drop_order_id, CONSUMED)]
    stream.cancel()


def test_a_screen_resumes_where_it_was_cut_off(shop):
    stream = drop_orders(shop)
    resume = next(stream).revision
    stream.cancel()
    missed = shop.request_drop_order()
    stream = drop_orders(shop, start_revision=resume)
    assert states(take(stream, 1, has_drop_order)) == [(missed.drop_order_id, REQUESTED)]
    stream.cancel()


def test_only_the_location_asked_for(shop):
    elsewhere = drop_orders(shop, from_location_id=shop.desk_id)
    here = drop_orders(shop, from_location_id=shop.warehouse_id)
    next(elsewhere)
    next(here)
    drop_order = shop.request_drop_order()
    assert states(take(here, 1, has_drop_order)) == [(drop_order.drop_order_id, REQUESTED)]
    # Heartbeats only, and they carry the revision on.
    beats = take(elsewhere, 3, lambda _: True)
    assert not any(has_drop_order(beat) for beat in beats)
    here.cancel()
    elsewhere.cancel()


def test_no_print_job_is_lost_or_doubled_while_the_printer_connects(shop):
    orders = [shop.book() for _ in range(5)]
    booking = threading.Event()

    def book_on() -> None:
        for _ in range(40):
            orders.append(shop.book())
            booking.set()

    writer = threading.Thread(target=book_on)
    writer.start()
    booking.wait(TIMEOUT_S)
    stream = shop.printing.WatchPrintJobs(print_pb2.WatchPrintJobsRequest(), timeout=TIMEOUT_S)
    jobs = [response.job for response in take(stream, 45, has_job)]
    writer.join(TIMEOUT_S)
    stream.cancel()
    assert [job.order.order_id for job in jobs] == sorted(order.order_id for order in orders)
    assert len({job.print_job_id for job in jobs}) == 45
    assert all(job.kind == print_pb2.DOCUMENT_KIND_ORDER_SLIP and job.order.lines for job in jobs)


def test_a_job_that_another_agent_took_does_not_come(shop):
    shop.book()
    shop.book()
    stream = shop.printing.WatchPrintJobs(print_pb2.WatchPrintJobsRequest(), timeout=TIMEOUT_S)
    first, second = (response.job for response in take(stream, 2, has_job))
    stream.cancel()
    report = print_pb2.PrintReport(
        print_job_id=first.print_job_id, state=print_pb2.PRINT_JOB_STATE_SENT, detail="lp0"
    )
    shop.printing.ReportPrintJob(print_pb2.ReportPrintJobRequest(request_id=new_id(), report=report))
    stream = shop.printing.WatchPrintJobs(print_pb2.WatchPrintJobsRequest(), timeout=TIMEOUT_S)
    (job,) = (response.job for response in take(stream, 1, has_job))
    assert job.print_job_id == second.print_job_id
    stream.cancel()


def test_only_the_kind_of_paper_asked_for(shop):
    receipts = shop.printing.WatchPrintJobs(
        print_pb2.WatchPrintJobsRequest(kind=print_pb2.DOCUMENT_KIND_SALES_RECEIPT), timeout=TIMEOUT_S
    )
    order = shop.pay(shop.book())
    shop.sell(order.order_id)
    (receipt,) = (response.job for response in take(receipts, 1, has_job))
    assert receipt.sale.order_id == order.order_id
    receipts.cancel()


def test_a_kind_of_paper_that_is_none(shop):
    with pytest.raises(grpc.RpcError) as failed:
        next(shop.printing.WatchPrintJobs(print_pb2.WatchPrintJobsRequest(kind=77)))
    assert read_refusal(failed.value).details["field"] == "kind"


def test_messages_come_oldest_first_then_new_ones(shop):
    orders = [shop.book() for _ in range(3)]
    stream = shop.customers.WatchMessages(customer_pb2.WatchMessagesRequest(), timeout=TIMEOUT_S)
    waiting = take(stream, 3, lambda response: response.HasField("message"))
    shop.cancel(orders[0].order_id)
    (cancelled,) = take(stream, 1, lambda response: response.HasField("message"))
    stream.cancel()
    told = [(response.message.kind, response.message.order_id) for response in [*waiting, cancelled]]
    confirmed = customer_pb2.MESSAGE_KIND_BOOKING_CONFIRMED
    assert told == [
        *((confirmed, order.order_id) for order in orders),
        (customer_pb2.MESSAGE_KIND_BOOKING_CANCELLED, orders[0].order_id),
    ]


def report(
    shop: Shop, parcel_id: int, state: shipping_pb2.AirwayBillState.ValueType, airway_bill: str = ""
) -> None:
    shop.shipping.ReportAirwayBill(
        shipping_pb2.ReportAirwayBillRequest(
            request_id=new_id(),
            parcel_id=parcel_id,
            state=state,
            airway_bill=airway_bill,
            detail="courier said so",
        )
    )


def test_the_courier_agent_gets_each_parcel_once_for_every_reason_to_act(shop):
    courier_id = shop.courier()

    def sold() -> int:
        order = shop.pay(shop.book(courier_id=courier_id))
        reply = shop.sales.CreateSales(
            sale_pb2.CreateSalesRequest(request_id=new_id(), order_ids=[order.order_id])
        )
        return reply.results[0].parcel_id

    waiting = sold()
    stream = shop.shipping.WatchAirwayBillRequests(
        shipping_pb2.WatchAirwayBillRequestsRequest(), timeout=TIMEOUT_S
    )

    def next_parcel() -> tuple[int, int]:
        (response,) = take(stream, 1, lambda response: response.HasField("parcel"))
        return response.parcel.parcel_id, response.parcel.airway_bill_state

    assert next_parcel() == (waiting, shipping_pb2.AIRWAY_BILL_STATE_REQUESTED)
    fresh = sold()
    assert next_parcel() == (fresh, shipping_pb2.AIRWAY_BILL_STATE_REQUESTED)
    # The answer was lost: the agent has to ask by reference.
    report(shop, waiting, shipping_pb2.AIRWAY_BILL_STATE_UNKNOWN)
    assert next_parcel() == (waiting, shipping_pb2.AIRWAY_BILL_STATE_UNKNOWN)
    report(shop, waiting, shipping_pb2.AIRWAY_BILL_STATE_ASSIGNED, "JNE0001")
    # Refused, and asked for again by staff.
    report(shop, fresh, shipping_pb2.AIRWAY_BILL_STATE_FAILED)
    again = shipping_pb2.RequestAirwayBillRequest(request_id=new_id(), parcel_id=fresh)
    shop.shipping.RequestAirwayBill(again)
    assert next_parcel() == (fresh, shipping_pb2.AIRWAY_BILL_STATE_REQUESTED)
    # Other changes to a parcel are none of its business.
    shop.shipping.PrintLabels(shipping_pb2.PrintLabelsRequest(request_id=new_id(), parcel_ids=[waiting]))
    last = sold()
    assert next_parcel() == (last, shipping_pb2.AIRWAY_BILL_STATE_REQUESTED)
    stream.cancel()


def test_a_long_backlog_comes_in_order(shop):
    shop.receive(shop.item_id, 10_000)
    for _ in range(3):
        batch = booking_pb2.BatchCreateBookingsRequest(request_id=new_id(), bookings=[shop.booking()] * 1_000)
        reply = shop.bookings.BatchCreateBookings(batch, timeout=TIMEOUT_S)
        assert not any(result.HasField("error") for result in reply.results)
    stream = shop.customers.WatchMessages(customer_pb2.WatchMessagesRequest(), timeout=60)
    ids = [response.message.message_id for response in take(stream, 3_000, lambda r: r.HasField("message"))]
    stream.cancel()
    assert ids == sorted(set(ids))
