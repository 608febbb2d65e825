"""Goal: numbers by the list, pick-ups and what needs a person, as staff use them, over a real server."""

import json
import tempfile
import threading
from pathlib import Path

import pytest

from clients.common.connection import Connection
from clients.common.problems import BadInput
from clients.courier.numbers import parse
from clients.courier_agent import CourierAgent
from clients.couriers.carriers.generic import Generic
from clients.couriers.settings import CarrierSettings
from clients.couriers.simulator import CourierSimulator
from clients.couriers.simulator.server import JOURNEY
from tests.clients.conftest import SARI


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("17 JP1\n18 JP2\n", [(17, "JP1", ""), (18, "JP2", "")]),
        ("17\tJP1\tTIKI\r\n\r\n18\tJP2\t\n", [(17, "JP1", "TIKI"), (18, "JP2", "")]),
        ("Order;Resi\n#17;JP1\n", [(17, "JP1", "")]),
        ('17,"JP 1"\n', [(17, "JP 1", "")]),
        ("", []),
    ],
)
def test_what_is_pasted(text: str, rows: list[tuple[int, str, str]]) -> None:
    assert [(row.which, row.airway_bill, row.courier) for row in parse(text)] == rows


@pytest.mark.parametrize(
    "text",
    [
        "17\n",
        "x JP1\n",
        "0 JP1\n",
        "17 JP1 JNE more\n",
        "17 JP1\n17 JP2\n",
        "17 JP1\n18 JP1\n",
        "17 JP1\nend",
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(BadInput):
        parse(text)


REST = ("--postal-code", "40111", "--no-account", "--courier", "JNE")


@pytest.fixture
def parcels(ask, run, shop) -> list[int]:
    """Three sold orders that go by JNE, by hand."""
    made = []
    for _ in range(3):
        order = ask("cs", "book", "--line", "GULA-5", *SARI, *REST)["order"]
        run("cs", "pay", order["order_id"], "--method", "cod")
        made.append(int(ask("cs", "sell", order["order_id"])["results"][0]["parcel_id"]))
    return made


def test_many_numbers_at_once(run, ask, parcels, tmp_path: Path) -> None:
    first, second, third = parcels
    path = tmp_path / "resi.csv"
    path.write_text(f"parcel,resi\n{first},JP1\n{second},JP2\n")
    assert ask("courier", "numbers", str(path), "--courier", "JNE")["given"] == [first, second]
    # Pasted again, with one more and one that is taken
    pasted = f"{first} JP1\n{second} JP2\n{third} JP1x\n999 JP9\n"
    told = json.loads(run("courier", "numbers", "--json", input=pasted, status=1).stdout)
    assert (told["given"], told["known"]) == ([third], [first, second])
    assert [each["number"] for each in told["refused"]] == [999]
    # A row that is none: nothing of it is sent
    run("courier", "numbers", input="17\n", status=2)
    run("courier", "numbers", input="", status=2)
    orders = [each["order_id"] for each in ask("cs", "parcels")["parcels"]]
    rows = "\n".join(
        f"{order} {number}" for order, number in zip(orders, ("JP1x", "JP2", "JP1"), strict=True)
    )
    assert len(ask("courier", "numbers", "--by-order", input=rows)["known"]) == 3


def test_a_pick_up_calls_out_what_is_foreign_and_what_is_missing(run, ask, parcels, tmp_path: Path) -> None:
    run("setup", "courier", "TIKI", "TIKI")
    first, second, third = parcels
    run("courier", "numbers", input=f"{first} JP1\n{second} JP2\n{third} TK1 TIKI\n")
    out = tmp_path / "manifests"
    command = ("courier", "pickup", "--courier", "JNE", "--manifest", str(out), "--json")
    shown = run(*command, input="JP1\nTK1\nJP9\nJP1\n", status=1)
    told = json.loads(shown.stdout)
    assert [each["airway_bill"] for each in told["handed_over"]] == ["JP1"]
    assert [each["airway_bill"] for each in told["foreign"]] == ["TK1", "JP9"]
    assert "TIKI" in told["foreign"][0]["message"]
    assert [each["airway_bill"] for each in told["refused"]] == ["JP1"]
    assert [each["airway_bill"] for each in told["missing"]] == ["JP2"]
    assert shown.stderr.count("FOREIGN, keep it here") == 2
    # The other courier's parcel is still there for its own courier.
    assert [each["airway_bill"] for each in ask("courier", "waiting", "--courier", "TIKI")["parcels"]] == [
        "TK1"
    ]
    text, page = (Path(path).read_text() for path in told["manifest"])
    assert "Toko Melati" in text
    assert "1 parcels" in text
    assert "to collect" in text
    assert "JP1" in text
    assert "JP2" not in text
    assert "<td>JP1</td>" in page


def test_a_pick_up_is_printed_once_for_each_courier(run, ask, parcels, tmp_path: Path) -> None:
    run("setup", "courier", "TIKI", "TIKI")
    first, second, third = parcels
    run("courier", "numbers", input=f"{first} JP1\n{second} JP2\n{third} TK1 TIKI\n")
    out = str(tmp_path / "out")
    run("agent", "--out", out, "--once")
    done = ask("courier", "pickup", "JP1", "TK1", "JP2", "--print")
    assert len(done["print_job_ids"]) == 2
    assert ask("agent", "--out", out, "--once")["printed"] == 2
    assert ask("agent", "--out", out, "--once")["printed"] == 0
    papers = sorted((tmp_path / "out" / "manifests").glob("*.txt"))
    jne, tiki = (path.read_text() for path in papers)
    assert "DAFTAR SERAH TERIMA" in jne
    assert all(words in jne for words in ("JP1", "JP2", "Jumlah paket", "COD"))
    assert "TK1" not in jne
    assert "TIKI" in tiki
    shown = ask("courier", "manifest", "--number", "1")["manifest"]
    assert [line["airway_bill"] for line in shown["lines"]] == ["JP1", "JP2"]
    assert shown["handed_over_by"] == "sari"
    run("print", "reprint", str(done["print_job_ids"][0]), "--reason", "wet")
    assert ask("agent", "--out", out, "--once")["printed"] == 1
    (copy,) = (tmp_path / "out" / "manifests").glob("*copy-1.txt")
    assert "SALINAN 1" in copy.read_text()


def test_a_pick_up_without_a_parcel_prints_nothing(run, ask, parcels) -> None:
    assert ask("courier", "pickup", "JP9", "--print", status=1)["print_job_ids"] == []


def test_what_went_before_its_list_was_made_is_listed_by_hand(run, ask, parcels) -> None:
    first, second, _third = parcels
    run("courier", "numbers", input=f"{first} JP1\n{second} JP2\n")
    run("courier", "scan", "JP1")
    made = ask("courier", "manifest", "JP1")
    assert [each["lines"][0]["airway_bill"] for each in made["manifests"]] == ["JP1"]
    assert "JP1" in run("courier", "manifest", "--number", "1").stdout
    # What stands here still is on no list.
    run("courier", "manifest", "JP1", "JP2", status=1)
    run("courier", "manifest", "--number", "9", status=1)
    run("courier", "manifest", status=2)
    run("courier", "manifest", "JP1", "--number", "1", status=2)


def test_what_needs_a_person_is_listed_and_settled(run, ask, parcels) -> None:
    run("setup", "courier", "JNX", "JNX Express", "--connected")
    first, second, _third = parcels
    for parcel in (first, second):
        run("cs", "request-awb", str(parcel), "--courier", "JNX")
    assert ask("courier", "questions")["parcels"] == []
    run("courier", "settle", str(first), "--awb", "JX1")
    run("courier", "settle", str(second), "--not-ordered")
    run("courier", "settle", str(second), status=2)
    run("courier", "settle", str(first), "--awb", "JX1", status=1)
    (left,) = ask("courier", "questions")["parcels"]
    assert (int(left["parcel_id"]), left["airway_bill_detail"]) == (second, "settled by sari")
    run("cs", "request-awb", str(second), "--courier", "JNX")


def test_a_connected_courier_is_asked_by_people(run, ask, parcels, server) -> None:
    run("setup", "courier", "JNX", "JNX Express", "--connected")
    run("cs", "request-awb", str(parcels[0]), "--courier", "JNX")
    with CourierSimulator() as simulator:
        at = ("--url", simulator.url)
        carrier = Generic(CarrierSettings("generic", simulator.url))
        agent = CourierAgent(Connection(server.target, "agen"), carrier)
        thread = threading.Thread(target=agent.run)
        thread.start()
        assert agent.wait_idle(60)
        agent.stop()
        thread.join(60)
        carrier.close()
        ((reference, number),) = simulator.airway_bills().items()
        told = ask("courier", "track", number, *at)["parcels"]
        assert told == [{"airway_bill": number, "state": "ordered"}]
        (parcel,) = [each for each in ask("cs", "parcels")["parcels"] if each["airway_bill"] == number]
        assert ask("courier", "quote", parcel["order_id"], *at)["quotes"][0]["service"] == "REG"
        out = tmp_labels(run, parcel["parcel_id"], *at)
        assert out.read_bytes().startswith(b"%PDF")
        # It goes its way, and arrives: that is found out and recorded.
        run("courier", "scan", number)
        simulator.move(simulator.world.find(reference), *JOURNEY)
        run("courier", "track", "--all", "--record", "--courier", "JNX", *at)
        assert ask("cs", "show", parcel["order_id"])["order"]["state"] == "ORDER_STATE_DELIVERED"
        run("courier", "cancel-order", parcel["parcel_id"], *at, status=2)
        assert ask("courier", "track", "--all", "--courier", "JNX", *at)["parcels"] == []
        run("courier", "track", *at, status=2)


def tmp_labels(run, parcel_id: str, *at: str) -> Path:
    """The carrier's own label of a parcel, in a file."""
    folder = Path(tempfile.mkdtemp())
    run("courier", "carrier-label", parcel_id, "--out", str(folder), *at)
    (path,) = folder.iterdir()
    return path
