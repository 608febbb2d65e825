"""Goal: RajaOngkir's Delivery API hears what its documentation asks for; places and services are told apart
from what is only like them.
"""

import json
from pathlib import Path

import pytest

from clients.couriers.carrier import News, NotGenuine, Ordered, Refused, TrackingState, Unclear
from clients.couriers.line import Reply
from clients.couriers.signatures import WORD
from clients.couriers.simulator import CourierSimulator
from tests.courier import kit

BODY = b'{"order_no":"KOM1","cnote":"JX1","status":"Dikirim"}'


@pytest.fixture
def simulator():
    with CourierSimulator(carrier="rajaongkir", keys=kit.KEYS) as running:
        yield running


@pytest.fixture
def asked(simulator, tmp_path: Path):
    made = kit.carrier("rajaongkir", simulator.url, tmp_path)
    yield made
    made.close()


def test_what_an_order_says(asked, simulator) -> None:
    assert isinstance(asked.create(kit.shipment(service="yes")), Ordered)
    assert isinstance(asked.create(kit.shipment("KASIR-0-2", collect=kit.idr(228_000))), Ordered)
    paid, collects = (
        json.loads(simulator.world.find(reference).asked) for reference in ("KASIR-0-1", "KASIR-0-2")
    )
    assert paid["notes"] == "KASIR-0-1"
    assert (paid["shipping"], paid["shipping_type"]) == ("JNE", "YES")
    assert (paid["payment_method"], paid["cod_value"]) == ("BANK TRANSFER", 0)
    assert paid["grand_total"] == 2 * 95_000 + 18_000 + 19_000
    assert (collects["payment_method"], collects["cod_value"]) == ("COD", 228_000)
    assert collects["receiver_destination_id"] == 40_111
    assert [each["subtotal"] for each in collects["order_details"]] == [190_000, 18_000]


def test_a_service_that_is_not_offered_there(asked, simulator) -> None:
    assert asked.create(kit.shipment(service="KILAT")) == Refused(
        "JNE does not offer kilat there, but REG, YES"
    )
    assert simulator.orders_per_reference() == {}


@pytest.mark.parametrize(
    ("places", "found"),
    [
        ([{"id": 7, "zip_code": "40111", "district_name": "SUMUR BANDUNG"}], 7),
        # One postal code in two districts: the address says which
        (
            [
                {"id": 7, "zip_code": "40111", "district_name": "REGOL"},
                {"id": 8, "zip_code": "40111", "district_name": "SUMUR BANDUNG"},
            ],
            8,
        ),
        # None of them is the address's
        (
            [
                {"id": 7, "zip_code": "40111", "district_name": "REGOL"},
                {"id": 8, "zip_code": "40111", "district_name": "LENGKONG"},
            ],
            Refused,
        ),
        # The search also finds what only contains the digits
        ([{"id": 9, "zip_code": "401110", "district_name": "SUMUR BANDUNG"}], Refused),
        ([], Refused),
        ("nothing", Unclear),
    ],
)
def test_which_place_it_is(asked, monkeypatch, places, found) -> None:
    reply = Reply(200, json.dumps({"meta": {}, "data": places}).encode())
    monkeypatch.setattr(asked._line, "ask", lambda *_args, **_more: reply)
    place = asked._place(kit.shipment())
    assert place == found if isinstance(found, int) else isinstance(place, found)


def test_a_webhook_has_to_bring_our_word(asked) -> None:
    assert asked.webhook({WORD: kit.WORD}, BODY) == News("", "KOM1", "JX1", TrackingState.IN_TRANSIT)
    for wrong in ({}, {WORD: ""}, {WORD: "guess"}):
        with pytest.raises(NotGenuine):
            asked.webhook(wrong, BODY)


def test_words_that_are_none_of_ours_move_nothing(asked) -> None:
    told = b'{"order_no":"KOM1","status":"Bermasalah"}'
    assert asked.webhook({WORD: kit.WORD}, told).state is None
