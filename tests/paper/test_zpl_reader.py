"""The simulated label printer's picture of our ZPL.

Goal: what `kasir hardware simulate` shows is what was sent. Method: each label is drawn from its ZPL and from
its marks; both are read back by two decoders, and their dots lie on each other.
"""

import pytest
from PIL import ImageChops, ImageStat

from hardware.paper import Label, address_label, item_label
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
    [b"^XA^XZ", b"^XA^PW8^LL8^FO0,0^FS^XZ", b"^XA^PW8^LL8^B3N^XZ", b"^XA^PW8^LL8^FO0,0^GB1^FS^XZ"],
)
def test_what_is_not_known_is_refused(wrong):
    with pytest.raises(NotZpl):
        picture(wrong)
