"""Goal: a price or an option that is none is that carrier's bad answer, with what it was; it ends nobody.

Method: each adapter, with an answer in its shape in which one value is odd.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from clients.common.problems import BadInput
from clients.couriers.carrier import LabelFile, Ordered, Unclear
from clients.couriers.line import Reply
from clients.couriers.rupiah import rupiah_of
from tests.courier import kit

ODD = ["null", '"12.000"', '"12,000"', "-5", "1.5", "1e400", "NaN", "{}", "[]", "true", '"abc"', '""', "9e30"]
# An answer of each, with one price in it.
PRICES = {
    "biteship": '{"pricing": [{"courier_service_code": "reg", "courier_service_name": "R", "price": %s}]}',
    "generic": '{"quotes": [{"service": "REG", "name": "R", "price": {"currency_code": "IDR", '
    '"minor_units": %s}, "time": "1", "collects": true}]}',
    "jne": '{"price": [{"service_code": "REG", "service_display": "R", "price": %s}]}',
    "rajaongkir": '{"data": {"order_no": "K1", "calculate_reguler": [{"shipping_name": "JNE", '
    '"service_name": "REG", "shipping_cost": %s}]}}',
}


def answering(name: str, content: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A carrier to which everything is answered so."""
    asked = kit.carrier(name, "http://127.0.0.1:9", folder)
    asked.close()
    asked.asked = []

    def ask(*how: Any, **_more: Any) -> Reply:
        asked.asked.append(how)
        return Reply(200, content.encode())

    monkeypatch.setattr(asked._line, "ask", ask)
    if name == "rajaongkir":
        monkeypatch.setattr(asked, "_place", lambda _shipment: 40_111)
    return asked


@pytest.mark.parametrize("name", kit.NAMES)
@pytest.mark.parametrize("odd", ODD)
def test_a_price_that_is_none(name: str, odd: str, tmp_path: Path, monkeypatch) -> None:
    asked = answering(name, PRICES[name] % odd, tmp_path, monkeypatch)
    found = asked.quote(kit.shipment())
    assert isinstance(found, Unclear)
    assert "price" in found.words
    assert repr(json.loads(odd))[:20] in found.words


def with_prices(name: str, prices: Any) -> str:
    """An answer of that carrier with these in the place of its prices."""
    whole = json.loads(PRICES[name] % "11000")
    place = whole["data"] if name == "rajaongkir" else whole
    place["calculate_reguler" if name == "rajaongkir" else next(iter(place))] = prices
    return json.dumps(whole)


def one_price(name: str) -> dict[str, Any]:
    whole = json.loads(PRICES[name] % "11000")
    ((price,),) = (each for each in (whole.get("data") or whole).values() if isinstance(each, list))
    return price


@pytest.mark.parametrize("name", kit.NAMES)
def test_prices_that_lack_something(name: str, tmp_path: Path, monkeypatch) -> None:
    price = one_price(name)
    for field in price:
        without = {other: value for other, value in price.items() if other != field}
        asked = answering(name, with_prices(name, [without]), tmp_path, monkeypatch)
        found = asked.quote(kit.shipment())
        # RajaOngkir tells of other couriers' services, too: these are left out.
        assert found == [] if field == "shipping_name" else isinstance(found, Unclear)


@pytest.mark.parametrize("name", kit.NAMES)
@pytest.mark.parametrize("prices", [{"a": 1}, [1, None], ["x"], None, "x"])
def test_prices_that_are_none_at_all(name: str, prices: Any, tmp_path: Path, monkeypatch) -> None:
    asked = answering(name, with_prices(name, prices), tmp_path, monkeypatch)
    found = asked.quote(kit.shipment())
    assert found == [] if name == "rajaongkir" else isinstance(found, Unclear)


@pytest.mark.parametrize("odd", ODD)
def test_an_order_at_a_price_that_is_none_is_not_made(odd: str, tmp_path: Path, monkeypatch) -> None:
    asked = answering("rajaongkir", PRICES["rajaongkir"] % odd, tmp_path, monkeypatch)
    found = asked.create(kit.shipment())
    assert isinstance(found, Unclear)
    assert found.nothing_done
    assert "price" in found.words
    assert not any("store" in path for _method, path in asked.asked)


@pytest.mark.parametrize("name", kit.NAMES)
def test_what_a_carrier_repeats_of_our_key_is_left_out(name: str, tmp_path: Path, monkeypatch) -> None:
    asked = answering(name, PRICES[name] % json.dumps(kit.KEY), tmp_path, monkeypatch)
    found = asked.quote(kit.shipment())
    assert isinstance(found, Unclear)
    assert kit.KEY not in found.words


@pytest.mark.parametrize(
    ("told", "meant"),
    [(11_000, 11_000), (11_000.0, 11_000), ("11000", 11_000), ("11000.00", 11_000), (0, 0), (" 7 ", 7)],
)
def test_amounts_that_are_ones(told: Any, meant: int) -> None:
    assert rupiah_of(told) == meant


def test_another_services_odd_price_is_no_matter(tmp_path: Path, monkeypatch) -> None:
    whole = json.loads(PRICES["rajaongkir"] % "11000")
    services = whole["data"]["calculate_reguler"]
    services.insert(0, {**services[0], "service_name": "YES", "shipping_cost": "12.000"})
    asked = answering("rajaongkir", json.dumps(whole), tmp_path, monkeypatch)
    assert isinstance(asked.create(kit.shipment()), Ordered)


@pytest.mark.parametrize(
    ("name", "option"), [("biteship", "unweighed_grams"), ("rajaongkir", "shipper_destination_id")]
)
def test_an_option_that_is_no_number_is_asked_for_at_once(
    name: str, option: str, tmp_path, monkeypatch
) -> None:
    for odd in ("1 kg", "-5", "1.5", ""):
        monkeypatch.setitem(kit.OPTIONS[name], option, odd)
        with pytest.raises(BadInput, match=option):
            kit.carrier(name, "http://127.0.0.1:9", tmp_path)


def test_a_step_before_all_time(tmp_path: Path, monkeypatch) -> None:
    steps = {"data": {"history": [{"date": "0001-01-01 00:00:00", "desc": "x", "status": "Dikirim"}]}}
    asked = answering("rajaongkir", json.dumps(steps), tmp_path, monkeypatch)
    assert len(asked.track("JX1")) == 1


def test_a_label_that_is_no_address(tmp_path: Path, monkeypatch) -> None:
    asked = answering("rajaongkir", '{"data": {"path": "\\ud800"}}', tmp_path, monkeypatch)
    assert not isinstance(asked.label(Ordered("KASIR-0-1", "K1")), LabelFile)
