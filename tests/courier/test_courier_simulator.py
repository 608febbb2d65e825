"""Goal: the simulated courier keeps a real one's rules, and goes wrong in the same way for the same seed."""

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from clients.couriers.simulator import CourierSimulator, Misbehaviour

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = {"recipient": "Budi", "street": "Jl. Merdeka 1", "city": "Bandung", "postal_code": "40111"}


def order(reference: str = "R1", **changes: Any) -> dict[str, Any]:
    return {"reference": reference, "service": "REG", "address": ADDRESS, "weight_grams": 500} | changes


def ask(courier: CourierSimulator, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(courier.url.removeprefix("http://"), timeout=10)
    try:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def post(courier: CourierSimulator, body: Any) -> tuple[int, dict[str, Any]]:
    return ask(courier, "POST", "/v1/orders", body)


def test_an_order_is_made_once_and_found_again() -> None:
    with CourierSimulator() as courier:
        assert ask(courier, "GET", "/v1/orders?reference=R1")[0] == 404
        status, made = post(courier, order())
        assert status == 201
        assert made["reference"] == "R1"
        assert post(courier, order()) == (200, made)
        assert ask(courier, "GET", "/v1/orders?reference=R1") == (200, made)
        assert courier.orders_per_reference() == {"R1": 1}
        assert courier.airway_bills() == {"R1": made["airway_bill"]}


def test_a_reference_with_another_parcel_is_a_conflict() -> None:
    with CourierSimulator() as courier:
        post(courier, order())
        status, said = post(courier, order(weight_grams=501))
        assert (status, said["code"]) == (409, "REFERENCE_REUSED")
        assert courier.orders_per_reference() == {"R1": 1}


def test_one_that_keeps_no_references_makes_a_second_order() -> None:
    with CourierSimulator(idempotent=False) as courier:
        first, second = post(courier, order())[1], post(courier, order())[1]
        assert first["airway_bill"] != second["airway_bill"]
        assert courier.orders_per_reference() == {"R1": 2}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"address": {**ADDRESS, "postal_code": "4011"}}, "ADDRESS_REFUSED"),
        ({"address": {**ADDRESS, "postal_code": ""}}, "ADDRESS_REFUSED"),
        ({"address": {**ADDRESS, "city": " "}}, "ADDRESS_REFUSED"),
        ({"address": {**ADDRESS, "country_code": "SG"}}, "ADDRESS_REFUSED"),
        ({"weight_grams": -1}, "WEIGHT_REFUSED"),
        ({"weight_grams": 50_001}, "WEIGHT_REFUSED"),
        ({"cash_on_delivery": {"currency_code": "USD", "minor_units": 500}}, "CURRENCY_REFUSED"),
    ],
)
def test_what_it_does_not_carry(changes: dict[str, Any], code: str) -> None:
    with CourierSimulator() as courier:
        status, said = post(courier, order(**changes))
        assert (status, said["code"]) == (422, code)
        assert courier.orders_per_reference() == {}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        order(""),
        order("x" * 101),
        order(weight_grams="5"),
        order(cash_on_delivery=5),
        order(cash_on_delivery={"currency_code": "IDR", "minor_units": 0}),
        order(address=None),
        b"[" * 60_000,
    ],
)
def test_what_it_cannot_read(body: Any) -> None:
    with CourierSimulator() as courier:
        assert post(courier, body)[0] == 400


def test_what_is_too_large_or_nowhere() -> None:
    with CourierSimulator() as courier:
        assert post(courier, b"x" * 70_000)[0] == 413
        assert ask(courier, "GET", "/v1/orders")[0] == 400
        assert ask(courier, "GET", "/")[0] == 404
        assert ask(courier, "GET", "/v1/health") == (200, {"status": "ok"})


def test_the_same_seed_goes_wrong_in_the_same_way() -> None:
    def play(seed: int) -> list[Any]:
        said: list[Any] = []
        with CourierSimulator(Misbehaviour(seed=seed, errors=0.3, dropped=0.2, lost=0.2)) as courier:
            for number in range(40):
                try:
                    status, body = post(courier, order(f"R{number % 10}"))
                    said.append((status, body.get("airway_bill")))
                except http.client.RemoteDisconnected:
                    said.append("cut off")
        return said

    assert play(1) == play(1)
    assert play(1) != play(2)
    assert {"cut off"} < set(play(1))


def test_lost_answers_leave_an_order_and_dropped_ones_do_not() -> None:
    with CourierSimulator(Misbehaviour(lost=1.0)) as courier:
        with pytest.raises(http.client.RemoteDisconnected):
            post(courier, order())
        assert courier.orders_per_reference() == {"R1": 1}
        courier.behave(Misbehaviour(dropped=1.0))
        with pytest.raises(http.client.RemoteDisconnected):
            post(courier, order("R2"))
        assert courier.orders_per_reference() == {"R1": 1}


@pytest.mark.parametrize("wrong", [{"errors": 1.5}, {"lost": -0.1}, {"late_seconds": -1.0}])
def test_probabilities_are_probabilities(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Misbehaviour(**wrong)


def test_it_runs_by_itself() -> None:
    command = [sys.executable, "-m", "kasir.cli", "courier", "simulate", "--port", "0", "--errors", "1.0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    host = process.stdout.readline().split("http://")[1].split()[0]
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("POST", "/v1/orders", json.dumps(order()).encode())
    assert connection.getresponse().status == 500
    connection.close()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "0 references, 0 orders." in out
