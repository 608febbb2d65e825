"""Goal: the copy of the catalogue finds what the server finds, and follows it.
Method: a real server, changes at it, a refresh; codes are looked up here and there.
"""

import pytest

from clients.till.catalogue import Catalogue, canonical, readings
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


def test_readings_are_those_of_the_rules():
    assert canonical("036000291452") == "0036000291452"
    assert canonical("00000096385074") == canonical("96385074") == "96385074"
    assert readings("]C10108991002101241") == ["0108991002101241", "8991002101241"]
