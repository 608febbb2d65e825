"""Goal: a customer gets all that is kept about them, in a file for them alone, and is erased when they ask.
Method: the commands over a real server, with a day's orders of two customers.
"""

import json
import stat
from pathlib import Path

import pytest
from faker import Faker

from tests.clients.conftest import Run

fake = Faker("id_ID")
fake.seed_instance(8)
NAME, OTHER = fake.name(), fake.name()
PHONE = fake.numerify("0812########")

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def booked(run: Run) -> None:
    for name, phone in ((NAME, PHONE), (OTHER, fake.numerify("0813########"))):
        run("cs", "book", "--line", "KOPI-01", "--name", name, "--phone", phone)


def test_an_export_holds_what_is_kept_of_one_customer(run: Run, booked: None, tmp_path: Path) -> None:
    file = tmp_path / "customer.json"
    run("customer", "export", PHONE, "--to", str(file))
    text = file.read_text()
    kept = json.loads(text)
    assert (kept["customer"]["name"], len(kept["orders"]), len(kept["messages"])) == (NAME, 1, 1)
    assert kept["orders"][0]["lines"][0]["sku"] == "KOPI-01"
    assert OTHER not in text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_export_takes_no_other_files_place(run: Run, booked: None, tmp_path: Path) -> None:
    file = tmp_path / "customer.json"
    file.write_text("mine")
    run("customer", "export", PHONE, "--to", str(file), status=2)
    assert file.read_text() == "mine"
    run("customer", "export", PHONE, "--to", str(file), "--force")
    assert json.loads(file.read_text())["customer"]["name"] == NAME


def test_nobody_is_exported_whom_nobody_knows(run: Run, booked: None, tmp_path: Path) -> None:
    run("customer", "export", "081200000000", "--to", str(tmp_path / "customer.json"), status=1)
    assert list(tmp_path.glob("customer.json")) == []


def test_an_erased_customer_is_shown_as_such(run: Run, booked: None, tmp_path: Path) -> None:
    refused = run("customer", "erase", PHONE, "--yes", status=1)
    assert "order" in refused.stderr.lower()
    run("cs", "cancel", "1")
    asked = run("customer", "erase", PHONE, status=2)
    assert asked.exit_code != 0
    assert "--yes" in asked.stderr
    run("customer", "erase", PHONE, "--yes")
    shown = run("cs", "customers", "#1")
    assert "(erased)" in shown.stdout
    assert NAME not in shown.stdout
