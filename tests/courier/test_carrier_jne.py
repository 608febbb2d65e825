"""Goal: JNE hears what its forms ask for, within their lengths; its words and its places are understood."""

import json
from pathlib import Path

import pytest

from clients.common.problems import BadInput
from clients.couriers.carrier import (
    Absent,
    NotGenuine,
    Ordered,
    Refused,
    TrackingState,
    Unclear,
    has_arrived,
    unread,
)
from clients.couriers.carriers.jne import STATES, _event, _read_destinations
from clients.couriers.line import Reply
from clients.couriers.simulator import CourierSimulator
from tests.courier import kit


def test_what_an_order_says(tmp_path: Path) -> None:
    with CourierSimulator(carrier="jne", keys=kit.KEYS) as simulator:
        asked = kit.carrier("jne", simulator.url, tmp_path)
        assert isinstance(asked.create(kit.shipment(weight_grams=1_001)), Ordered)
        form = json.loads(simulator.world.find("KASIR-0-1").asked)
        # What is too long, and a place that the list lacks
        assert isinstance(asked.create(kit.shipment("KASIR-" + "9" * 15)), Refused)
        far = type(kit.ADDRESS)()
        far.CopyFrom(kit.ADDRESS)
        far.postal_code = "99999"
        assert asked.create(kit.shipment(address=far)) == Refused(
            "JNE's list of places has no postal code '99999'"
        )
        asked.close()
    assert form["OLSHOP_ORDERID"] == "KASIR-0-1"
    assert (form["OLSHOP_ORIG"], form["OLSHOP_DEST"]) == ("BDO10000", "BDO10000")
    assert form["OLSHOP_WEIGHT"] == "2"
    assert (form["OLSHOP_COD_FLAG"], form["OLSHOP_COD_AMOUNT"]) == ("N", "0")
    lines = [form.get(f"OLSHOP_RECEIVER_ADDR{number}", "") for number in (1, 2, 3)]
    assert "".join(lines) == "Jl. Merdeka 1, Gedung Serba Guna Lantai 2, Sumur Bandung"
    assert max(map(len, lines)) <= 30
    assert form["OLSHOP_GOODSVALUE"] == "208000"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("SHIPMENT RECEIVED BY JNE COUNTER OFFICER AT [BANDUNG]", TrackingState.PICKED_UP),
        ("RECEIVED AT SORTING CENTER [JAKARTA]", TrackingState.IN_TRANSIT),
        ("WITH DELIVERY COURIER [JAKARTA]", TrackingState.OUT_FOR_DELIVERY),
        ("DELIVERED TO [SINTA | 18-01-2026 10:12 | JAKARTA]", TrackingState.DELIVERED),
        ("RETURN TO SHIPPER", TrackingState.RETURNING),
        ("DELIVERED TO SHIPPER", TrackingState.RETURNED),
        ("SHIPMENT PICKED UP BY JNE COURIER [JAKARTA TIMUR]", TrackingState.PICKED_UP),
        ("SHIPMENT RECEIVED BY JNE COUNTER OFFICER AT [CILACAP] (JNE:8826412012)", TrackingState.PICKED_UP),
        ("received at  origin gateway  [Yogyakarta]", TrackingState.IN_TRANSIT),
        ("SOMETHING NEW", None),
        # What only contains one of ours says something else, and never an end.
        ("UNDELIVERED", None),
        ("BOX UNDELIVERED", None),
        ("NOT DELIVERED TO [SINTA]", None),
        ("DELIVERED TO [SINTA] BY MISTAKE", None),
        ("RETURN CANCELLED", None),
        ("SHIPMENT NOT LOST", None),
        ("PACKAGE DAMAGE CHECKED", None),
        ("TO BE DELIVERED", None),
        ("", None),
    ],
)
def test_words_of_steps(words: str, state: TrackingState | None) -> None:
    event = _event({"date": "17-01-2026 16:26", "desc": words})
    assert event.state is state
    assert event.time is not None
    assert event.time.isoformat() == "2026-01-17T16:26:00+07:00"


@pytest.mark.parametrize(
    ("steps", "arrived", "question"),
    [
        ([("17-01-2026 16:26", "DELIVERED TO [SINTA]")], True, None),
        (
            [("17-01-2026 16:26", "DELIVERED TO [SINTA]"), ("17-01-2026 18:00", "UNDELIVERED")],
            False,
            "UNDELIVERED",
        ),
        ([("17-01-2026 18:00", "DELIVERED TO [SINTA]"), ("17-01-2026 16:26", "UNDELIVERED")], True, None),
        ([("17-01-2026 16:26", "WITH DELIVERY COURIER [X]"), ("?", "UNDELIVERED")], False, None),
        ([("17-01-2026 16:26", "UNDELIVERED")], False, "UNDELIVERED"),
        ([], False, None),
    ],
)
def test_a_latest_step_that_nobody_understands_is_a_question(steps, arrived: bool, question) -> None:
    events = [_event({"date": date, "desc": words}) for date, words in steps]
    strange = unread(events)
    assert has_arrived(events) is arrived
    assert (strange.words if strange else None) == question


def test_every_state_has_words() -> None:
    assert set(STATES.values()) == set(TrackingState)


@pytest.mark.parametrize(("status", "found"), [(200, Absent()), (404, Unclear), (502, Unclear)])
def test_only_its_own_words_deny_a_number(tmp_path: Path, monkeypatch, status: int, found) -> None:
    asked = kit.carrier("jne", "http://127.0.0.1:9", tmp_path)
    body = {"status": False, "error": "Cnote No. Not Found."} if status == 200 else {"error": "Not Found"}
    reply = Reply(status, json.dumps(body).encode())
    monkeypatch.setattr(asked._line, "ask", lambda *_args, **_more: reply)
    told = asked.track("JX1")
    asked.close()
    assert told == found if isinstance(found, Absent) else isinstance(told, found)


def test_it_posts_nothing(tmp_path: Path) -> None:
    asked = kit.carrier("jne", "http://127.0.0.1:9", tmp_path)
    with pytest.raises(NotGenuine):
        asked.webhook({}, b"{}")
    asked.close()


def test_a_list_of_places_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    for content in (b"", b"\xff\xfe", b"postal code,code\n"):
        path.write_bytes(content)
        with pytest.raises(BadInput):
            _read_destinations(path)
    with pytest.raises(BadInput):
        _read_destinations(tmp_path / "missing.csv")
