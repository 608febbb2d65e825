"""The pick-up manifest on receipt paper and on A4: the same parcels and sums, nothing cut, room to sign."""

import pytest

from hardware.paper import Paper, PaperError, labels_pdf, manifest_pages, pickup_manifest
from hardware.paper.manifest import PAGE
from hardware.paper.marks import Words
from kasir.v1.shipping_pb2 import Courier, Manifest
from tests.paper import samples
from tests.paper.reading import page_texts


def slip(manifest: Manifest, width_mm: int = 80, copy: int = 0) -> Paper:
    return pickup_manifest(manifest, samples.shop(), samples.courier(), width_mm=width_mm, copy=copy)


def office(manifest: Manifest, copy: int = 0) -> list[str]:
    """The words of each page, blanks left out, as a reader of PDF finds them."""
    pages = manifest_pages(manifest, samples.shop(), samples.courier(), copy=copy)
    return ["".join(text.split()) for text in page_texts(labels_pdf(pages))]


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize("width_mm", [58, 80])
def test_the_slip_says_what_went_with_whom(width_mm: int) -> None:
    text = slip(samples.manifest(), width_mm).text()
    for words in (
        "DAFTAR SERAH TERIMA",
        "No. 41",
        samples.courier().code,
        "22 Nov 2025 16:15 WIB",
        "agus",
        "1. JKT0000000000001",
        "3. JKT0000000000003",
        "Siti Rahmawati Kusumaningrum, Kabupaten Tasikmalaya",
        f"Pesanan {samples.ORDER_ID + 1}",
        "1,25 kg",
        "3,75 kg",
        "Rp 150.000",
        "Kurir",
    ):
        assert squeezed(words) in squeezed(text), words
    assert text.count("COD") == 2, "the parcel's, and the sum"
    assert "SALINAN" not in text
    assert "SALINAN 2" in slip(samples.manifest(), copy=2).text()


def test_both_papers_say_the_same() -> None:
    (page,) = office(samples.manifest())
    for line in samples.manifest().lines:
        for words in (line.airway_bill, line.recipient, line.city, str(line.order_id), "1,25 kg"):
            assert squeezed(words) in page, words
    for words in (
        "DAFTAR SERAH TERIMA",
        "No. 41",
        "agus",
        "16:15",
        "3,75 kg",
        "Rp 150.000",
        "Halaman 1 dari 1",
    ):
        assert squeezed(words) in page, words
    assert "SALINAN1" in office(samples.manifest(), copy=1)[0]


@pytest.mark.parametrize("parcels", [1, 19, 20, 21, 24, 25, 26, 48, 49, 50, 1_000])
def test_many_parcels_take_many_pages_and_each_stands_once(parcels: int) -> None:
    pages = manifest_pages(samples.manifest(parcels), samples.shop(), samples.courier())
    bills: list[str] = []
    for page in pages:
        words = [mark for mark in page.marks if isinstance(mark, Words)]
        bills += [mark.text for mark in words if mark.text.startswith("JKT")]
        assert all(mark.y + mark.size <= PAGE.height - 60 for mark in words), "it ends above the edge"
        assert any(mark.text.startswith("JKT") for mark in words), "something stands on it"
    assert bills == [line.airway_bill for line in samples.manifest(parcels).lines]
    signed = [page for page in pages if any(isinstance(m, Words) and m.text == "Kurir" for m in page.marks)]
    assert signed == [pages[-1]]


def test_the_longest_words_fit_their_cells() -> None:
    manifest = samples.manifest(1)
    (line,) = manifest.lines
    line.airway_bill, line.recipient, line.city = "W" * 50, "Wulandari " * 10, "W" * 100
    line.collect.minor_units = 10**15
    (page,) = office(manifest)
    assert squeezed(line.recipient) in page
    assert "W" * 50 in page
    assert squeezed(line.recipient) in squeezed(slip(manifest, 58).text())


def test_a_courier_that_is_not_the_manifests_is_refused() -> None:
    for other in (None, Courier(courier_id=99, code="POS")):
        for made in (pickup_manifest, manifest_pages):
            with pytest.raises(PaperError, match="is courier"):
                made(samples.manifest(), samples.shop(), other)
    unknown = samples.manifest()
    unknown.courier_id = 0
    assert "1. JKT" in pickup_manifest(unknown, samples.shop()).text()
