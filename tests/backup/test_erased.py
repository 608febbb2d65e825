"""Goal: whoever was erased is erased in the backup too, within the time that was said, and comes back with no
restore. Method: a store in which customers come and go, its backup's files searched for a name and for the
key that opens what is sealed, restores to before the erasure.
"""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faker
import pytest

from engine import Engine, EngineError
from engine.backup import store_erasures, store_head, write_base
from engine.inspect import opened
from kasir.backup import catalogue, places, taking
from kasir.backup.keeping import erasures_in
from kasir.backup.taking import MERGED_PARTS, Taker, Wanted
from kasir.v1.catalogue_pb2 import CreateItemRequest, CreateItemResponse, Item
from kasir.v1.customer_pb2 import (
    CreateCustomerRequest,
    CreateCustomerResponse,
    Customer,
    EraseCustomerRequest,
    GetCustomerRequest,
    GetCustomerResponse,
)
from kasir.v1.stock_pb2 import CreateHoldRequest, Hold, ReceiveStockRequest, StockLine
from tests.backup.conftest import Kasir, Shop

SERVICE = "/kasir.v1.CustomerService"
fake = faker.Faker("id_ID")
fake.seed_instance(27)


def come(shop: Shop) -> Customer:
    request = CreateCustomerRequest(
        request_id=str(uuid.uuid4()), customer=Customer(name=fake.name(), phone=fake.numerify("0812########"))
    )
    reply = shop.engine.submit_blocking(f"{SERVICE}/CreateCustomer", request.SerializeToString(), "sari")
    return CreateCustomerResponse.FromString(reply).customer


def erase(shop: Shop, customer: Customer) -> None:
    request = EraseCustomerRequest(
        request_id=str(uuid.uuid4()), customer_id=customer.customer_id, version=customer.version
    )
    shop.engine.submit_blocking(f"{SERVICE}/EraseCustomer", request.SerializeToString(), "sari")


def hold(shop: Shop, for_ms: int) -> None:
    """A unit of something comes in, and is kept for somebody; three revisions."""
    item = Item(sku="A1", name="Kopi")
    made = shop.engine.submit_blocking(
        "/kasir.v1.CatalogueService/CreateItem",
        CreateItemRequest(request_id=str(uuid.uuid4()), item=item).SerializeToString(),
        "sari",
    )
    item_id = CreateItemResponse.FromString(made).item.item_id
    received = ReceiveStockRequest(
        request_id=str(uuid.uuid4()), location_id=1, lines=[StockLine(item_id=item_id, quantity=1)]
    )
    shop.engine.submit_blocking("/kasir.v1.StockService/ReceiveStock", received.SerializeToString(), "sari")
    wanted = Hold(item_id=item_id, location_id=1, quantity=1, owner="keranjang")
    wanted.expire_time.FromMilliseconds(time.time_ns() // 1_000_000 + for_ms)
    request = CreateHoldRequest(request_id=str(uuid.uuid4()), hold=wanted)
    shop.engine.submit_blocking("/kasir.v1.StockService/CreateHold", request.SerializeToString(), "sari")


def find(engine: Engine, customer: Customer) -> Customer:
    request = GetCustomerRequest(customer_id=customer.customer_id)
    reply = engine.query(f"{SERVICE}/GetCustomer", request.SerializeToString())
    return GetCustomerResponse.FromString(reply).customer


def key_of(shop: Shop, customer: Customer) -> bytes:
    """What opens all that is sealed of a customer, until the erasure."""
    shop.settle()
    with opened(shop.folder) as store:
        [key] = [row["key"] for row in store.rows("keys") if row["customer_id"] == customer.customer_id]
    assert isinstance(key, bytes)
    assert len(key) == 32
    return key


def tell(folder: Path, customer: Customer, key: bytes) -> list[str]:
    """The files of a backup in which the name stands, open, or the key to where it is sealed."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    secrets = customer.name.encode(), key
    return [file.name for file in files if any(secret in file.read_bytes() for secret in secrets)]


def taker_of(shop: Shop, to: Path, wanted: Wanted) -> Taker:
    places.make(to)
    (to / places.LOCK).touch()
    return Taker(shop.folder, to, wanted, lambda _: None)


def step(taker: Taker, shop: Shop) -> None:
    shop.settle()
    taker.step()


def test_a_copy_is_taken_after_an_erasure_and_what_was_before_goes(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    early, other = come(shop), come(shop)
    taker = taker_of(shop, to, Wanted(erased_after_s=3600))
    step(taker, shop)
    late = come(shop)
    step(taker, shop)
    of_early, of_other, of_late = (key_of(shop, each) for each in (early, other, late))
    before = ["000000000002.base", "000000000003-000000000003.journal"]
    erase(shop, early)
    erase(shop, late)
    step(taker, shop)
    taker.tidy()
    [history] = catalogue.read(to)
    assert [base.end.revision for base in history.bases] == [2, 5]
    assert [tell(to, early, of_early), tell(to, late, of_late)] == [before[:1], before[1:]], (
        "the hour is not over"
    )
    taker.wanted = Wanted(erased_after_s=0)
    taker.tidy()
    assert [tell(to, early, of_early), tell(to, late, of_late)] == [[], []]
    assert tell(to, other, of_other) == ["000000000005.base"]
    [history] = catalogue.read(to)
    assert [base.end.revision for base in history.bases] == [5]


class Slow:
    """A copy of the store that is taken beside, and has ended when it is told to."""

    is_done = False

    def __init__(self, store: Path, path: Path) -> None:
        self.path = path
        write_base(store, path)

    def take(self) -> None:
        pass

    def wait(self) -> None:
        pass


@pytest.mark.parametrize("beside", [False, True])
def test_parts_of_before_and_after_an_erasure_are_not_made_one(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """Not even while the copy that parts them is still being taken."""
    monkeypatch.setattr(taking, "Copying", Slow)
    to = tmp_path / "backup"
    shop.happen()
    taker = taker_of(shop, to, Wanted())
    taker.copy_beside = beside
    for _ in range(MERGED_PARTS + 2):
        step(taker, shop)
        shop.happen()
    customer = come(shop)
    step(taker, shop)
    key = key_of(shop, customer)
    erase(shop, customer)
    for _ in range(MERGED_PARTS + 2):
        step(taker, shop)
        shop.happen()
    taker.tidy()
    [history] = catalogue.read(to)
    assert [part.merges for part in history.parts].count(1) == 2, "what is before, and what is after"
    monkeypatch.setattr(Slow, "is_done", True)
    step(taker, shop)
    assert tell(to, customer, key) != []
    taker.wanted = Wanted(erased_after_s=0)
    taker.tidy()
    assert tell(to, customer, key) == []
    [history] = catalogue.read(to)
    assert list(history.gaps()) == []


@pytest.mark.parametrize("is_set_aside", [False, True])
def test_what_is_broken_and_from_before_an_erasure_goes_too(
    shop: Shop, tmp_path: Path, is_set_aside: bool
) -> None:
    to = tmp_path / "backup"
    early = come(shop)
    taker = taker_of(shop, to, Wanted())
    step(taker, shop)
    late = come(shop)
    step(taker, shop)
    keys = key_of(shop, early), key_of(shop, late)
    erase(shop, early)
    erase(shop, late)
    step(taker, shop)
    before = [to / "0001" / "000000000001.base", to / "0001" / "000000000002-000000000002.journal"]
    for file in before:
        file.write_bytes(bytes(64) + file.read_bytes()[64:])
    if is_set_aside:
        taker.set_aside(before)
        shop.happen()
        step(taker, shop)
        after = to / "0001" / "000000000005-000000000005.journal"
        taker.set_aside([after])
    taker.look_anew()
    step(taker, shop)
    taker.wanted = Wanted(erased_after_s=3600)
    taker.tidy()
    assert tell(to, early, keys[0]) != []
    assert tell(to, late, keys[1]) != []
    taker.wanted = Wanted(erased_after_s=0)
    taker.tidy()
    assert [tell(to, early, keys[0]), tell(to, late, keys[1])] == [[], []]
    assert len(list(to.rglob("*.broken"))) == is_set_aside, "what is from after it stays"


def test_the_copy_after_an_erasure_is_taken_once(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    customer = come(shop)
    taker = taker_of(shop, to, Wanted())
    step(taker, shop)
    erase(shop, customer)
    for _ in range(3):
        shop.happen()
        step(taker, shop)
    [history] = catalogue.read(to)
    assert len(history.bases) == 2
    step(taker_of(shop, to, Wanted()), shop)
    [history] = catalogue.read(to)
    assert len(history.bases) == 2


def test_a_restore_to_before_an_erasure_erases_again(shop: Shop, tmp_path: Path, kasir: Kasir) -> None:
    to = tmp_path / "backup"
    customer, other = come(shop), come(shop)
    taker = taker_of(shop, to, Wanted())
    step(taker, shop)
    erase(shop, customer)
    step(taker, shop)
    done = kasir("restore", to, "--data", tmp_path / "early", "--revision", 2)
    assert done.returncode == 0, done.stderr
    assert "Customer 1 was erased later, and is erased here too." in done.stderr
    with Engine.open(tmp_path / "early") as engine:
        assert find(engine, customer).name == ""
        assert find(engine, other).name == other.name
        assert engine.verify(replay=True)["violations"] == []
    done = kasir("restore", to, "--data", tmp_path / "late")
    assert done.returncode == 0, done.stderr
    assert "erased" not in done.stderr
    assert len(store_erasures(tmp_path / "late")) == 1


def test_a_copy_is_looked_into_for_erasures_while_a_check_reads_it(shop: Shop, tmp_path: Path) -> None:
    to = tmp_path / "backup"
    erase(shop, come(shop))
    step(taker_of(shop, to, Wanted()), shop)
    [history] = catalogue.read(to)
    with ThreadPoolExecutor() as beside:
        reading = [beside.submit(catalogue.read, to) for _ in range(200)]
        while not all(each.done() for each in reading):
            assert len(erasures_in(history.bases[0].path)) == 1
    assert [each.result()[0].broken for each in reading] == [[]] * 200


def test_a_restore_that_erases_again_says_how_far_the_store_went(
    shop: Shop, tmp_path: Path, kasir: Kasir
) -> None:
    """It is opened for that, and what has fallen due meanwhile ends."""
    to = tmp_path / "backup"
    shop.happen()
    taker = taker_of(shop, to, Wanted())
    step(taker, shop)
    customer = come(shop)
    hold(shop, for_ms=300)
    before = 5
    erase(shop, customer)
    while shop.engine.revision() < before + 2:
        time.sleep(0.02)
    step(taker, shop)
    done = kasir("restore", to, "--data", tmp_path / "back", "--revision", before)
    assert done.returncode == 0, done.stderr
    reached = store_head(tmp_path / "back")["revision"]
    assert reached == before + 2
    assert f"as it was at revision {before}, then opened to erase again" in done.stdout
    assert f"what was due by now has ended: it is at revision {reached}." in done.stdout
    done = kasir("restore", to, "--data", tmp_path / "last")
    assert f"as it was at revision {reached}. Next:" in done.stdout


def test_what_the_backup_knows_of_erasures_outlives_a_store_that_forgot(
    shop: Shop, tmp_path: Path, kasir: Kasir
) -> None:
    """A number that was given again, after a restore to before the customer came, is somebody else's."""
    to = tmp_path / "backup"
    shop.happen()
    customer = come(shop)
    erase(shop, customer)
    taker = taker_of(shop, to, Wanted())
    step(taker, shop)
    [erased] = places.read_erased(to)
    assert erased.customer_id == customer.customer_id
    newcomer = Shop(tmp_path / "other")
    newcomer.happen()
    other = come(newcomer)
    step(taker_of(newcomer, to, Wanted()), newcomer)
    newcomer.close()
    done = kasir("restore", to, "--data", tmp_path / "back")
    assert done.returncode == 0, done.stderr
    with Engine.open(tmp_path / "back") as engine:
        assert find(engine, other).name == other.name


def test_a_list_of_erasures_that_cannot_be_read_stops_a_restore(
    shop: Shop, tmp_path: Path, kasir: Kasir
) -> None:
    to = tmp_path / "backup"
    customer = come(shop)
    erase(shop, customer)
    step(taker_of(shop, to, Wanted()), shop)
    (to / places.ERASED).write_text("[")
    done = kasir("restore", to, "--data", tmp_path / "back")
    assert done.returncode != 0
    assert places.ERASED in done.stderr
    assert not (tmp_path / "back").exists(), "nor is a store left in which nobody was erased"


def test_an_earlier_reply_of_who_was_erased_is_refused(shop: Shop) -> None:
    request = CreateCustomerRequest(
        request_id=str(uuid.uuid4()), customer=Customer(name=fake.name(), phone=fake.numerify("0812########"))
    ).SerializeToString()
    method = f"{SERVICE}/CreateCustomer"
    first = shop.engine.submit_blocking(method, request, "sari")
    assert shop.engine.submit_blocking(method, request, "sari") == first
    erase(shop, CreateCustomerResponse.FromString(first).customer)
    with pytest.raises(EngineError) as refused:
        shop.engine.submit_blocking(method, request, "sari")
    assert refused.value.reason == "REPLY_LOST"
