"""The simulated label printer's picture of our ZPL.

Goal: what `kasir hardware simulate` shows is what was sent. Method: each label is drawn from its ZPL and from
its marks; both are read back by two decoders, and their dots lie on each other.
"""

import pytest
from PIL import Image, ImageChops, ImageStat

from hardware.paper import Label, address_label, item_label
from hardware.paper.fonts import Chain, draw_line
from hardware.paper.label_png import BASELINE_PER_CELL
from hardware.paper.marks import EM_PER_CELL, Size, Words
from hardware.simulators.tspl_reader import Reader
from hardware.simulators.tspl_reader import picture as tspl_picture
from hardware.simulators.zpl_reader import NotZpl, picture
from tests.paper import samples
from tests.paper.reading import codes
from tests.paper.reading import picture as of_png


def address(order: samples.Order) -> Label:
    return address_label(samples.parcel(), order, samples.shop(), samples.courier())


LABELS = [address(samples.order()), address(samples.order_at_the_door()), item_label(samples.item())]


@pytest.mark.parametrize("label", LABELS, ids=["address", "paid at the door", "item"])
def test_a_label_in_zpl_is_the_one_of_its_marks(label):
    drawn, meant = picture(label.zpl()), of_png(label.png())
    assert drawn.size == meant.size
    assert codes(drawn) == codes(meant)
    difference = ImageStat.Stat(ImageChops.difference(drawn, meant.convert("L"))).mean[0]
    # Bars may stand a dot beside: half a dot is rounded here and there.
    assert difference < 255 * 0.05, "letters stand elsewhere"
    assert codes(picture(label.zpl(12))) == codes(meant)


@pytest.mark.parametrize(
    "wrong",
    [
        b"^XA^XZ",
        b"^XA^PW8^LL8^FO0,0^FS^XZ",
        b"^XA^PW8^LL8^B3N^XZ",
        b"^XA^PW8^LL8^FO0,0^GB1^FS^XZ",
        b"^XA^PW100^LL100^FO0,0^GFA,8,8,1,:^FS^XZ",
        b"^XA^PW100^LL100^FO0,0^GFA,1,1,1,F^FS^XZ",
        b"^XA^PW100^LL100^FO0,0^BY2^BEN,50,N,N^FDx^FS^XZ",
        b"^XA^PW100000^LL100000^XZ",
        "^XA^PW8^LL8^FDé^XZ".encode("latin-1"),
    ],
)
def test_what_is_not_known_is_refused(wrong):
    with pytest.raises(NotZpl):
        picture(wrong)


@pytest.mark.parametrize("text", ["ŠČŐŽ", "Ẩ Ễ Ắ Ổ", "Ǻ"])
def test_accents_on_capitals_are_whole(text):
    words = Words(20, 60, 44, text, bold=True)
    label = Label((words,), Size(50, 30))
    pixels = round(words.size * EM_PER_CELL)
    free = Image.new("1", (400, 400), 255)
    draw_line(free, 20, 200 + words.size * BASELINE_PER_CELL, text, Chain.LABEL_BOLD, pixels)
    top = words.y + ImageChops.invert(free.convert("L")).getbbox()[1] - 200
    for drawn in (
        picture(label.zpl()),
        tspl_picture(Reader().feed(label.tspl())),
        of_png(label.png()).convert("L").point(lambda grey: 255 if grey > 127 else 0),
    ):
        assert abs(ImageChops.invert(drawn).getbbox()[1] - top) <= 1, "the tops of letters are missing"
