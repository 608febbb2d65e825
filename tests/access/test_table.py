"""The table of who may call what, held against the contract.

Goal: no method is forgotten, none is made up, and a row names only what exists. Method: descriptors are
walked; damaged tables must be refused, each for its own reason.
"""

import tomllib

import pytest

from kasir.contract import SERVICES
from server.access.table import AGENTS, TABLE, Door, Role, TableError, methods, read

STREAM = "/kasir.v1.BookingService/StreamCommands"
STREAMED = (
    "/kasir.v1.StockService/CreateHold",
    "/kasir.v1.StockService/ReleaseHold",
    "/kasir.v1.BookingService/CreateBooking",
    "/kasir.v1.BookingService/ExtendBooking",
    "/kasir.v1.BookingService/CancelBooking",
)


@pytest.fixture
def table():
    return tomllib.loads(TABLE.read_text())


def test_every_method_of_the_contract_has_its_row_and_no_other():
    expected = {f"/{name}/{each.name}" for name, service in SERVICES.items() for each in service.methods}
    assert len(expected) > 100
    assert {row.method for row in methods()} == expected


def test_the_services_are_those_of_the_files_in_proto():
    assert {"kasir.v1.AccessService", "kasir.v1.StationService", "kasir.v1.TillService"} <= SERVICES.keys()
    files = sorted(path.stem for path in (TABLE.parents[2] / "proto/kasir/v1").glob("*.proto"))
    served = {service.file.name.rpartition("/")[2].removesuffix(".proto") for service in SERVICES.values()}
    assert served == set(files) - {"common"}


def test_a_forgotten_method_is_named(table):
    del table["TillService"]["CloseShift"]
    with pytest.raises(TableError, match="no row for TillService/CloseShift"):
        read(table, SERVICES)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"roles": "cashier", "locations": ["x"]}, "locations is no part of a row"),
        ({"roles": "cahsier"}, "cahsier"),
        ({"for": "anybody"}, "anybody"),
        ({}, "either roles or for"),
        ({"roles": "owner", "for": "session"}, "either roles or for"),
        ({"roles": "integrator"}, "need a scope"),
        ({"roles": "owner", "scope": "stock.read"}, "need a scope"),
        ({"roles": "owner", "location": ["place_id"]}, "no id place_id"),
        ({"roles": "owner", "location": ["request_id"]}, "no id request_id"),
        ({"roles": "owner", "location": ["sale.shift_id"]}, "no message sale"),
        ({"roles": "owner", "location": ["drawer:shift_id"]}, "drawer is no record"),
    ],
)
def test_a_row_that_means_nothing_is_refused(table, row, why):
    table["TillService"]["CloseShift"] = row
    with pytest.raises(TableError, match=why):
        read(table, SERVICES)


def test_a_row_for_what_does_not_exist_is_refused(table):
    table["TillService"]["OpenDrawer"] = {"roles": "cashier"}
    with pytest.raises(TableError, match="do not exist: TillService/OpenDrawer"):
        read(table, SERVICES)


def test_every_field_that_is_called_a_location_is_looked_at_where_something_is_changed():
    """A command that says a location in its own fields has it in its row."""
    looked_away = []
    for name, service in SERVICES.items():
        for method in service.methods:
            row = methods()[f"/{name}/{method.name}"]
            field = method.input_type.fields_by_name.get("location_id")
            if field is not None and row.door is None:
                paths = [place.path for place in row.places if not place.record]
                looked_away += [] if (field.number,) in paths else [row.method]
    assert looked_away == []


def test_a_stream_of_commands_lets_nobody_in_whom_its_commands_refuse():
    for method in STREAMED:
        assert methods()[STREAM].roles <= methods()[method].roles
        assert methods()[STREAM].scope == methods()[method].scope


def test_only_people_in_charge_change_access():
    for row in methods():
        if row.method.startswith("/kasir.v1.AccessService/") and row.door is None:
            assert row.roles <= {Role.MANAGER, Role.OWNER}


def test_one_method_is_open_to_strangers():
    assert methods().behind(Door.STRANGER) == ["/kasir.v1.AccessService/EnrolDevice"]


def test_who_needs_no_person_cannot_touch_money_or_stock():
    for method in methods().allowed(AGENTS):
        assert "Reconciliation" not in method, method
        assert not method.endswith(("Stock", "Sale", "Sales", "Shift", "CashMovement", "Settings")) or (
            method.rpartition("/")[2].startswith("Get")
        ), method


def test_a_key_needs_role_and_scope():
    create, report = "/kasir.v1.BookingService/CreateBooking", "/kasir.v1.ReportService/GetDayReport"
    assert create in methods().allowed([Role.INTEGRATOR], ["bookings.write"])
    assert create not in methods().allowed([Role.INTEGRATOR], ["bookings.read"])
    assert methods().allowed([Role.INTEGRATOR], [""]) == []
    assert report not in methods().allowed([Role.INTEGRATOR], methods().scopes)


def test_nobody_without_a_role_may_anything():
    assert methods().allowed([]) == []
