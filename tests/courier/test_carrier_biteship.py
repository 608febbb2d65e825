"""Goal: Biteship hears what its documentation asks for, and of what it says only what is sure is believed."""

import json
from pathlib import Path

import pytest

from clients.common.problems import BadInput
from clients.couriers.carrier import News, NotGenuine, Ordered, TrackingState
from clients.couriers.carriers.biteship import STATES
from clients.couriers.settings import CarrierSettings
from clients.couriers.signatures import sign
from clients.couriers.simulator import CourierSimulator
from tests.courier import kit


@pytest.fixture
def asked(tmp_path: Path):
    made = kit.carrier("biteship", "http://127.0.0.1:9", tmp_path)
    yield made
    made.close()


def test_what_an_order_says(tmp_path: Path) -> None:
    with CourierSimulator(carrier="biteship", keys=kit.KEYS) as simulator:
        carrier = kit.carrier("biteship", simulator.url, tmp_path)
        assert isinstance(carrier.create(kit.shipment(collect=kit.idr(50_000))), Ordered)
        carrier.close()
        told = json.loads(simulator.world.find("KASIR-0-1").asked)
    assert told["reference_id"] == "KASIR-0-1"
    assert told["origin_postal_code"] == "40115"
    assert told["destination_contact_name"] == "Budi Santoso"
    assert (told["courier_company"], told["courier_type"]) == ("jne", "reg")
    assert told["destination_cash_on_delivery"] == 50_000
    assert [item["value"] for item in told["items"]] == [95_000, 18_000]
    # One parcel's weight, not one for each line.
    weights = [item["weight"] * item["quantity"] for item in told["items"]]
    assert 800 <= sum(weights) <= 802


def test_a_lost_order_is_told_by_its_id(tmp_path: Path) -> None:
    with CourierSimulator(carrier="biteship", keys=kit.KEYS) as simulator:
        carrier = kit.carrier("biteship", simulator.url, tmp_path)
        made = carrier.create(kit.shipment("KASIR-0-77"))
        found = carrier.look(made.order_id)
        assert found.reference == "KASIR-0-77"
        carrier.close()


def test_every_documented_status_is_mapped() -> None:
    documented = (
        "confirmed scheduled allocated picking_up picked cancelled on_hold dropping_off return_in_transit "
        "returned rejected disposed courier_not_found delivered"
    )
    assert set(documented.split()) <= STATES.keys()
    assert set(STATES.values()) | {TrackingState.IN_TRANSIT} == set(TrackingState)


BODY = b'{"event":"order.status","order_id":"5dd5","courier_waybill_id":"JX1","status":"picked"}'


def test_a_webhook_is_read_when_it_is_signed(asked) -> None:
    signed = {"x-biteship-signature": sign(kit.WORD, BODY)}
    assert asked.webhook(signed, BODY) == News("", "5dd5", "JX1", TrackingState.PICKED_UP)
    for wrong in ({}, {"x-biteship-signature": kit.WORD}, {"x-biteship-signature": sign("other", BODY)}):
        with pytest.raises(NotGenuine):
            asked.webhook(wrong, BODY)
    with pytest.raises(NotGenuine):
        asked.webhook(signed, BODY + b" ")


def test_or_brings_the_secret_where_it_is_set_up_so(tmp_path: Path) -> None:
    settings = {"courier_company": "jne", "signature": "value", "signature_header": "X-Toko"}
    made = CarrierSettings("biteship", secrets=kit.KEYS, sender=kit.SENDER, options=settings)
    from clients.couriers.registry import make

    carrier = make(made)
    assert carrier.webhook({"x-toko": kit.WORD}, BODY).order_id == "5dd5"
    with pytest.raises(NotGenuine):
        carrier.webhook({"x-toko": "x"}, BODY)
    carrier.close()


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"order_id":"' + b"x" * 500 + b'"}'])
def test_what_cannot_be_read_is_not_genuine(asked, body: bytes) -> None:
    with pytest.raises(NotGenuine):
        asked.webhook({"x-biteship-signature": sign(kit.WORD, body)}, body)


@pytest.mark.parametrize("missing", ["api_key", "courier_company", "postal_code"])
def test_what_it_needs_is_asked_for_by_name(missing: str) -> None:
    from clients.couriers.registry import make

    def without(given):
        return {key: value for key, value in given.items() if key != missing}

    with pytest.raises(BadInput, match=missing):
        make(
            CarrierSettings(
                "biteship",
                secrets=without(kit.KEYS),
                sender=without(kit.SENDER),
                options=without(kit.OPTIONS["biteship"]),
            )
        )
