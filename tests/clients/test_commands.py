"""Every command explains itself by examples that work, and ends badly only in plain words."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from clients import admin, catalogue, courier, customer, printing, report, setup, station, warehouse
from clients.cs import app as cs_app
from clients.messages import main as messages
from clients.till.terminal import app as till_app
from hardware import digital_receipt, file_agent, shift_report
from hardware.agent import main as hardware_agent
from kasir import verify
from kasir.v1.booking_pb2 import GetBookingRequest, GetBookingResponse, Order
from kasir.v1.catalogue_pb2 import GetItemRequest
from kasir.v1.common_pb2 import Money
from kasir.v1.sale_pb2 import CreateSalesRequest, CreateSalesResponse, CreateSalesResult
from tests.clients.conftest import Refusal

Code = grpc.StatusCode

GROUPS = {
    "cs": cs_app,
    "warehouse": warehouse.app,
    "till": till_app,
    "courier": courier.app,
    "catalogue": catalogue.app,
    "setup": setup.app,
    "customer": customer.app,
    "report": report.app,
    "print": printing.app,
    "hardware": hardware_agent.app,
    "admin": admin.app,
    "messages": messages.app,
}
ROOT = {name: get_command(app) for name, app in GROUPS.items()}
ROOT["verify"] = get_command(verify.app)
ROOT["print"].add_command(get_command(file_agent.app), "agent")
ROOT["print"].add_command(get_command(digital_receipt.app), "receipt")
ROOT["print"].add_command(get_command(shift_report.app), "shift-report")
ROOT["hardware"].add_command(get_command(station.scans_app), "scans")
ROOT["hardware"].add_command(get_command(station.show_app), "show")
ROOT["hardware"].add_command(get_command(station.weigh_app), "weigh")
# Commands that are apps of their own, beside the others of their group.
JOINED = {
    *("print agent", "print receipt", "print shift-report"),
    *("hardware scans", "hardware show", "hardware weigh"),
}
# It says nothing that a script would read.
WITHOUT_JSON = {"hardware simulate"}

pytestmark = pytest.mark.usefixtures("in_a_state_of_its_own")


def leaves() -> Iterator[tuple[str, Any]]:
    for group, command in ROOT.items():
        if hasattr(command, "commands"):
            for name, leaf in command.commands.items():
                yield f"{group} {name}", leaf
        else:
            yield group, command


COMMANDS = dict(leaves())


def examples_of(command: Any) -> list[str]:
    _, _, shown = (command.epilog or "").partition("[bold]Examples:[/bold]\n")
    lines = shown.replace("\\\n", " ").splitlines()
    return [line.strip().replace("\\[", "[") for line in lines if line.strip()]


def run(server: str, *arguments: str, **options: Any) -> Any:
    group, *rest = arguments
    app = verify.app if group == "verify" else GROUPS[group]
    return CliRunner().invoke(app, [*rest, "--server", server, "--timeout", "0.5"], **options)


def test_every_command_that_was_promised_is_there():
    promised = {
        "cs": "find drop drops release book bookings show extend cancel import mutations mutation match "
        "proposals confirm rules allocate join undo ignore pay refunds refund sell labels awb request-awb "
        "customers credits messages pending",
        "warehouse": "watch list hand-over reject return receive count adjust transfer stock to-buy",
        "till": "tills open quote sell cash-in cash-out x close shifts",
        "courier": "list pickup manifest scan delivered numbers questions settle agent track simulate",
        "catalogue": "import add show list",
        "report": "day month money",
        "print": "jobs settle reprint agent receipt shift-report",
        "messages": "agent questions show settle simulate",
        "hardware": "run list test simulate devices scans show weigh",
        "admin": "status verify snapshot settings watch",
    }
    missing = [f"{group} {name}" for group, names in promised.items() for name in names.split()]
    assert [name for name in missing if name not in COMMANDS] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples(name):
    group, *rest = name.split()
    shown = CliRunner().invoke(verify.app if group == "verify" else GROUPS[group], [*rest, "--help"])
    if name not in JOINED:
        assert shown.exit_code == 0, shown.output
        assert "Examples:" in shown.output
        assert name in WITHOUT_JSON or "--json" in shown.output
    assert examples_of(COMMANDS[name])
    assert COMMANDS[name].help


@pytest.mark.parametrize(
    ("name", "example"),
    [(name, example) for name, command in COMMANDS.items() for example in examples_of(command)],
)
def test_every_example_is_understood(name, example, tmp_path, monkeypatch):
    """Parses the example as the shell and the command line would, without running it."""
    monkeypatch.chdir(tmp_path)
    files = ("mutasi-bca.csv", "mutasi.csv", "mutasi.xls", "columns.toml", "columns.json", "catalogue.csv")
    for file in (*files, "delivery.csv", "count.csv"):
        (tmp_path / file).touch()
    (tmp_path / "data").mkdir()
    piece = next(part for part in example.split(" | ") if "kasir " in part)
    words = shlex.split(piece.partition(" > ")[0])
    while "=" in words[0]:
        words.pop(0)
    assert words.pop(0) == "kasir"
    command = ROOT[words.pop(0)]
    if hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    expected = COMMANDS["verify"] if words == [] and example.startswith("kasir verify") else COMMANDS[name]
    assert command in {expected, COMMANDS[name]} or example.startswith(
        ("kasir verify", "kasir catalogue sample")
    )
    command.make_context(name, words)


def test_a_server_that_is_not_there_is_told_in_a_sentence():
    result = CliRunner().invoke(cs_app, ["show", "7", "--server", "127.0.0.1:1", "--timeout", "0.2"])
    assert result.exit_code == 1
    assert "The server at 127.0.0.1:1 does not answer. Is it running?" in result.stderr
    assert "Traceback" not in result.output


def test_a_refusal_is_told_in_a_sentence_with_names(scripted):
    refusal = Refusal(Code.NOT_FOUND, "ORDER_NOT_FOUND", "There is no Book Order 7.", {"id": "7"})
    scripted.answers(GetBookingRequest, refusal)
    result = run(scripted.address, "cs", "show", "7")
    assert result.exit_code == 1
    assert result.stderr.strip() == "There is no Book Order 7. See: kasir cs bookings."
    assert result.stdout == ""


def test_a_refusal_is_json_for_scripts(scripted):
    refusal = Refusal(Code.NOT_FOUND, "ORDER_NOT_FOUND", "There is no Book Order 7.", {"id": "7"})
    scripted.answers(GetBookingRequest, refusal)
    result = run(scripted.address, "cs", "show", "7", "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)["error"]
    assert error["reason"] == "ORDER_NOT_FOUND"
    assert error["code"] == "NOT_FOUND"
    assert error["details"] == {"id": "7"}


def test_json_has_the_contracts_names_and_every_field(scripted):
    order = Order(order_id=7, payable=Money(currency_code="IDR", minor_units=10_840_100))
    scripted.answers(GetBookingRequest, GetBookingResponse(order=order))
    shown = json.loads(run(scripted.address, "cs", "show", "7", "--json").stdout)["order"]
    assert shown["order_id"] == "7"
    assert shown["payable"] == {"currency_code": "IDR", "minor_units": "10840100"}
    assert shown["state"] == "ORDER_STATE_UNSPECIFIED"
    assert shown["note"] == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("cs", "confirm"),
        ("cs", "confirm", "1", "--all-auto"),
        ("cs", "proposals", "--decision", "nonsense"),
        ("cs", "join", "7"),
        ("cs", "join", "7", "one", "two"),
        ("cs", "sell"),
        ("cs", "labels"),
        ("cs", "labels", "--all-unprinted", "--reprint", "torn"),
        ("cs", "bookings", "--state", "nonsense"),
        ("print", "settle", "1"),
        ("print", "settle", "1", "--printed", "--again"),
        ("report", "day", "5 March"),
        ("report", "month", "2026-3-1"),
        ("courier", "delivered"),
        ("cs", "drop", "KOPIx0"),
        ("cs", "show", "seven"),
        ("cs", "pending", "--resend", "nothing"),
        ("cs", "show", "7", "--as", "Sári"),
        ("setup", "tax-class", "A", "B", "--rate", "eleven", "--mode", "inclusive"),
        ("setup", "tax-class", "A", "B", "--rate", "101", "--mode", "inclusive"),
        ("setup", "tax-class", "A", "B", "--rate", "0,001", "--mode", "inclusive"),
        ("setup", "location", "A", "B", "--kind", "attic"),
        ("setup", "account", "BCA", "1", "X", "--codes", "1..9"),
    ],
)
def test_what_is_typed_wrongly_is_refused_before_anything_is_asked(scripted, arguments):
    result = run(scripted.address, *arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr
    assert "Traceback" not in result.output
    assert scripted.asked == []


def test_a_request_never_answered_is_listed_and_asked_again(scripted, in_a_state_of_its_own):
    sold = CreateSalesResponse(results=[CreateSalesResult(order_id=7)])
    scripted.answers(CreateSalesRequest, Refusal(Code.INTERNAL, message="lost"), sold)
    lost = run(scripted.address, "cs", "sell", "7")
    assert lost.exit_code == 1
    assert "kasir cs pending" in lost.stderr

    listed = json.loads(run(scripted.address, "cs", "pending", "--json").stdout)["pending"]
    assert [each["note"] for each in listed] == ["sell 1 orders"]
    shown = run(scripted.address, "cs", "pending")
    assert listed[0]["request_id"] in shown.stdout

    again = run(scripted.address, "cs", "pending", "--resend-all", "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["outcomes"] == [{"note": "sell 1 orders", "outcome": "Done."}]
    assert scripted.asked[0] == scripted.asked[1]
    assert in_a_state_of_its_own() == []


def test_a_request_for_another_server_is_not_sent_to_this_one(scripted):
    scripted.answers(CreateSalesRequest, Refusal(Code.INTERNAL))
    run(scripted.address, "cs", "sell", "7")
    request_id = scripted.asked[0].request_id
    elsewhere = run("127.0.0.1:1", "cs", "pending", "--resend", request_id)
    assert elsewhere.exit_code == 2
    assert f"--server {scripted.address}" in elsewhere.stderr
    forgotten = run("127.0.0.1:1", "cs", "pending", "--forget", request_id)
    assert "Every request of this machine was answered." in forgotten.stdout


def test_an_item_is_looked_up_as_what_its_code_looks_like(scripted):
    scripted.answers(GetItemRequest, Refusal(Code.NOT_FOUND, "ITEM_NOT_FOUND", "No."))
    run(scripted.address, "catalogue", "show", "8991234567891")
    run(scripted.address, "catalogue", "show", "KOPI-01")
    assert [request.WhichOneof("name") for request in scripted.asked] == ["barcode", "sku", "sku", "barcode"]


def test_a_pipe_that_is_closed_early_is_no_drama(scripted, monkeypatch):
    scripted.answers(GetBookingRequest, GetBookingResponse(order=Order(order_id=7)))

    def closed(*_arguments: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("clients.common.output.Output.emit", closed)
    result = run(scripted.address, "cs", "show", "7")
    assert result.exit_code == 1
    assert "Traceback" not in result.output
