"""Goal: the copy of the catalogue finds what the server finds, and follows it.
Method: a real server, changes at it, a refresh; codes are looked up here and there.
"""

import pytest

from clients.common.problems import CallFailed
from clients.till.catalogue import REVISION, Catalogue
from clients.till.scans import canonical, readings
from clients.till.store import Table
from clients.till.till import Till
from kasir.v1 import catalogue_pb2
from tests.server.support import idr
from tests.till.world import TillShop


@pytest.fixture
def copy(till: Till) -> Catalogue:
    return till.catalogue


def test_an_item_is_found_by_every_code_it_has(copy, shop: TillShop):
    for code in ("8991002101241", "08991002101241", "]E08991002101241", "(01)08991002101241", "kopi-9"):
        found = copy.by_code(code)
        assert found is not None, code
        assert found.item_id == shop.kopi
    assert copy.by_code("010899100210124110L1\x1d21S1").item_id == shop.kopi
    assert copy.by_code("8991002101242") is None


def test_words_are_found_by_their_beginnings_and_all_of_them(copy, shop: TillShop):
    def ids(words: str) -> list[int]:
        return [item.item_id for item in copy.search(words)]

    assert ids("barang") == list(shop.items)
    assert ids("BAR kop") == [shop.kopi]
    assert ids("kop bar") == [shop.kopi]
    assert ids("899100210125") == [shop.gula]
    assert ids("arang") == []
    assert ids("barang nothing") == []
    assert ids("  ") == []
    assert [item.item_id for item in copy.search("barang", 2)] == list(shop.items[:2])


def test_a_refresh_brings_what_changed_and_forgets_old_codes(copy, till: Till, shop: TillShop):
    first = copy.refresh(till.client)
    assert (first.items, first.whole) == (0, False)
    shop.update(shop.kopi, name="Luwak asli", barcodes=["8991002101272"], sku="LUWAK")
    new = shop.priced("BARU", "8991002101289", 999, 0)
    shop.tax("PPN12", 1_200, catalogue_pb2.TAX_MODE_INCLUSIVE)
    second = copy.refresh(till.client)
    assert (second.items, second.whole) == (2, False)
    assert copy.by_code("8991002101241") is None
    assert copy.by_code("KOPI-9") is None
    assert copy.by_code("8991002101272").name == "Luwak asli"
    assert [item.item_id for item in copy.search("luwak")] == [shop.kopi]
    assert copy.search("kopi 9") == []
    assert copy.by_id(new).prices[0].amount_minor == idr(999).minor_units
    assert {tax.code for tax in copy.taxes().values()} == {"PPN11", "SVC7", "PPN12"}


def test_another_process_sees_what_one_refreshed(copy, till: Till, shop: TillShop):
    other = Catalogue(till.store)
    assert [item.item_id for item in other.search("barang")] == list(shop.items)
    shop.update(shop.teh, name="Melati")
    copy.refresh(till.client)
    assert [item.item_id for item in other.search("melati")] == [shop.teh]


def test_a_store_of_another_server_is_filled_anew(copy, till: Till, shop: TillShop):
    with till.store.write() as txn:
        txn.put("meta", b"catalogue_revision", 10**9)
    assert copy.refresh(till.client).whole
    assert copy.count() == 4


# The engine's own examples.
ELEMENT_STRINGS = [
    "0108991002101234",
    "010899100210123417251231",
    "010899100210123410L1",
    "010899100210123410L1\x1d21S1",
    "\x1d010899100210123417251231",
    "\x1d0108991002101234\x1d",
    "]C10108991002101234\x1d10L1",
    "]d2\x1d17251200010899100210123410L1",
    "10L1\x1d0108991002101234",
    "1725123111250101310300125001089910021012343922500\x1d99shop",
    "00106141411234567897020899100210123437100",
    "(01)08991002101234",
    "(01)08991002101234(10)L1(17)251231",
    "(10)L1(3103)001250(01)08991002101234",
]
NO_ELEMENT_STRINGS = [
    "0108991002101235",
    "010899100210123",
    "01089910021012341725",
    "010899100210123417259931",
    "010899100210123417251232",
    "01089910021012341",
    "010899100210123405123",
    "010899100210123410",
    "010899100210123410L 1",
    "01089910021012AB",
    "(01)08991002101235",
    "(01)0899100210123",
    "(1)08991002101234",
    "(01",
    "()",
]


def test_scans_are_read_as_the_engine_reads_them(copy, till: Till):
    """The shop's first item has the barcode of the examples."""
    for scan in (*ELEMENT_STRINGS, *NO_ELEMENT_STRINGS, "]E08991002101234\r\n", "]é", "(01)", "0" * 14):
        here = copy.by_code(scan)
        try:
            request = catalogue_pb2.GetItemRequest(barcode=scan)
            there = till.client.call(request, catalogue_pb2.GetItemResponse).item.item.item_id
        except CallFailed as failed:
            assert failed.settled, scan  # noqa: PT017 (both ways it ends are looked at)
            there = 0
        assert (here.item_id if here else 0) == there, scan
    assert all("8991002101234" in readings(scan) for scan in ELEMENT_STRINGS)
    assert all(len(readings(scan)) == 1 for scan in NO_ELEMENT_STRINGS)


def test_every_length_of_gtin_is_one_row_of_numbers():
    for code, kept in (
        ("00000096385074", "96385074"),
        ("000096385074", "96385074"),
        ("00036000291452", "0036000291452"),
        ("036000291452", "0036000291452"),
        ("04006381333931", "4006381333931"),
        ("10012345678902", "10012345678902"),
        ("ABC-1", "ABC-1"),
    ):
        assert canonical(code) == kept
        assert readings(code)[0] == kept


def test_a_word_that_is_longer_than_a_key_is_found_by_its_beginning(copy, till: Till, shop: TillShop):
    """A name has 200 characters of up to four bytes, and some grow when their case is folded."""
    word = "\U00010428" * 190
    for name in (f"{word} a", f"Kopi {word}"):
        shop.update(shop.kopi, name=name)
        copy.refresh(till.client)
        assert copy.by_id(shop.kopi).name == name
        assert [item.item_id for item in copy.search(word[:5])] == [shop.kopi]
        assert [item.item_id for item in copy.search(word)] == [shop.kopi]
    with till.store.write() as txn:
        txn.delete(Table.META, REVISION)
    assert copy.refresh(till.client).whole
    assert [item.item_id for item in copy.search(word[:5])] == [shop.kopi]
    assert copy.search("x" * 600) == []
    assert copy.by_code("9" * 600) is None
