"""What python-escpos 3.1 gets wrong, or leaves to the printer, does not reach the paper.

Its code pages are chosen anew behind our back and lost with a reset; its profiles have other widths than
their papers; its paper status calls a dead line "adequate". We send ASCII and pictures, as wide as the
paper, and ask it for no status at all.
"""

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

import hardware
from hardware.paper import order_slip
from hardware.paper.document import COLUMNS, Align, Barcode, Document, Line, Pair, QrCode, Text
from hardware.paper.raster import line_image
from hardware.paper.thermal import _PROFILES, escpos
from tests.paper import samples
from tests.paper.escpos_reader import Job
from tests.paper.reading import codes_by_both

WIDTHS = pytest.mark.parametrize("width_mm", [58, 80])
RESET, AMERICAN = b"\x1b@", b"\x1bR\x00"
SCRIPTS = {
    "Indonesian": "Kopi Gayo 250 g @ Rp 85.000 #1 [baru] {promo} ~5%",
    "Chinese": "王小明 买咖啡",
    "Arabic": "محمد علي",
    "emoji": "Kopi ☕ 🎁",
    "accents": "Café Ñandú",
}


def text(content: str, width_mm: int = 80) -> Document:
    return Document(width_mm, (Text(content),))


@WIDTHS
@pytest.mark.parametrize("said", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_every_script_prints_as_letters_or_as_their_picture(said: str, width_mm: int) -> None:
    job = Job(escpos(text(said, width_mm)))
    if said.isascii():
        assert "".join(job.text.split()) == "".join(said.split())
        assert job.pictures == []
    else:
        assert job.text.strip() == ""
        assert job.pictures
    assert all(image.width <= COLUMNS[width_mm] * 12 for image in job.pictures)


def test_a_picture_is_the_letters_themselves() -> None:
    (image,) = Job(escpos(text(SCRIPTS["Chinese"]))).pictures
    drawn = line_image(Line(SCRIPTS["Chinese"]))
    assert (
        ImageChops.difference(image.convert("L").crop((0, 0, *drawn.size)), drawn.convert("L")).getbbox()
        is None
    )


@WIDTHS
def test_a_job_begins_with_a_reset_and_american_letters(width_mm: int) -> None:
    data = escpos(text("#$@[\\]^`{|}~", width_mm))
    assert data.startswith(RESET + AMERICAN)
    assert data.count(RESET) == 1
    job = Job(data)
    assert job.american
    assert job.lines[0] == "#$@[\\]^`{|}~"


@settings(deadline=None, max_examples=80)
@given(st.text(max_size=120))
def test_no_code_page_is_ever_chosen(said: str) -> None:
    """A code page would be lost with the next reset, and each model numbers them by itself."""
    job = Job(
        escpos(
            Document(58, (Text(said), Pair(said, "Rp 5"), Text(said, Align.CENTER, bold=True, large=True)))
        )
    )
    # The reader knows no ESC t and refuses it, and every letter that is not ASCII.
    assert job.resets == 1


@WIDTHS
def test_the_profile_is_as_wide_as_its_paper(width_mm: int) -> None:
    from escpos.capabilities import get_profile

    profile = get_profile(_PROFILES[width_mm])
    dots = COLUMNS[width_mm] * 12
    assert int(profile.media["width"]["pixels"]) == dots
    assert profile.get_columns("a") == COLUMNS[width_mm]
    # A line that is full to its last cell is neither shrunk nor wrapped nor refused.
    (image,) = Job(escpos(text("é" * COLUMNS[width_mm], width_mm))).pictures
    assert image.width == dots
    assert Job(escpos(text("x" * COLUMNS[width_mm], width_mm))).lines[0] == "x" * COLUMNS[width_mm]


@WIDTHS
def test_code128_and_qr_are_pictures_that_are_read(width_mm: int) -> None:
    job = Job(escpos(Document(width_mm, (Barcode("10482", "Pesanan"), QrCode(samples.QRIS, "QRIS")))))
    read = set()
    for image in job.pictures:
        framed = Image.new("L", (image.width + 80, image.height + 80), 255)
        framed.paste(image.convert("L"), (40, 40))
        read |= codes_by_both(framed)
    assert read == {("Code 128", "10482"), ("QR Code", samples.QRIS)}


@pytest.mark.parametrize(
    ("width_mm", "ends"), [(80, re.compile(rb"\x1bd\x06\x1dV\x00$")), (58, re.compile(rb"\x1bd\x06$"))]
)
def test_the_paper_is_fed_past_the_knife_and_cut_where_there_is_one(
    width_mm: int, ends: re.Pattern[bytes]
) -> None:
    assert ends.search(escpos(text("x", width_mm)))


def test_two_jobs_in_one_stream_do_not_know_of_each_other() -> None:
    first = escpos(Document(80, (Text("a", bold=True, large=True, inverse=True),)))
    second = escpos(text("b"))
    job = Job(first + second)
    assert job.resets == 2
    assert job.items[-1].text == "b"  # type: ignore[union-attr]
    assert (job.items[-1].bold, job.items[-1].size) == (False, 1)  # type: ignore[union-attr]


def names_used(path: Path) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("name", ["paper_status", "is_online", "query_status", "is_usable"])
def test_python_escpos_is_asked_for_no_status(name: str) -> None:
    sources = list(Path(hardware.__file__).parent.rglob("*.py"))
    importing = [path for path in sources if "from escpos" in path.read_text()]
    assert importing
    assert not [path.name for path in importing if name in names_used(path)]


def test_python_escpos_would_call_a_dead_line_adequate() -> None:
    """Why we ask it for none. When this fails, its defect is mended."""
    from escpos.printer import Dummy

    class Dead(Dummy):
        def _read(self) -> bytes:
            return b""

    assert Dead().paper_status() == 2


@WIDTHS
@pytest.mark.parametrize("name", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_slip_with_such_a_name_is_whole(name: str, width_mm: int) -> None:
    order = samples.order()
    order.customer_name = order.lines[0].name = name
    make: Callable[[], bytes] = order_slip(
        order, samples.shop(), samples.account(), samples.courier(), width_mm=width_mm
    ).escpos
    job = Job(make())
    assert "Rp 348.217" in job.text
    assert make() == make()
