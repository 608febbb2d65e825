"""Text that a printer has no letters for is drawn, not garbled."""

import pytest
from PIL import Image, ImageChops

from hardware.paper import order_slip
from hardware.paper.document import Line
from hardware.paper.fonts import Chain, Face, coverage, face_of
from hardware.paper.raster import line_image
from tests.paper import samples
from tests.paper.escpos_reader import Job, Picture, Printed

FOREIGN = [
    "王小明",
    "محمد علي",
    "안녕하세요",
    "ナルト",
    "שלום",
    "Café Ñandú",
    "Дмитрий",
    "Ελένη",
    "🎁🔥😀",
    "D\u2019Amore €5",
]


def slip_for(name: str) -> Job:
    order = samples.order()
    order.customer_name = name
    return Job(order_slip(order, samples.shop(), samples.account(), samples.courier()).escpos())


def ink(image: Image.Image) -> int:
    """Black dots."""
    return image.convert("L").histogram()[0]


def name_line(job: Job) -> Printed | Picture:
    """What was printed between the agent's line and the customer's telephone."""
    at = next(
        at
        for at, item in enumerate(job.items)
        if isinstance(item, Printed) and item.text.startswith("Dilayani")
    )
    return job.items[at + 1]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_line_with_such_letters_is_sent_as_a_picture_with_its_label(name: str) -> None:
    printed = name_line(slip_for(name))
    assert isinstance(printed, Picture)
    alone = line_image(Line("Pelanggan   "))
    assert ink(printed.image) > ink(alone) + 40
    # The label in front is drawn where it would have been printed.
    label = printed.image.crop((0, 0, 108, printed.image.height))
    assert (
        ImageChops.difference(label.convert("L"), line_image(Line("Pelanggan")).convert("L")).getbbox()
        is None
    )


def test_plain_letters_stay_letters() -> None:
    assert name_line(slip_for("Siti ~^_\\{}[]|@#$")) == Printed(
        "Pelanggan   Siti ~^_\\{}[]|@#$", False, 1, False
    )


@pytest.mark.parametrize("name", FOREIGN)
def test_every_letter_of_these_scripts_has_its_own_picture(name: str) -> None:
    assert all(face_of(char, Chain.GRID) is not None for char in name if char != " ")
    pictures = {line_image(Line(char)).tobytes() for char in name if char != " "}
    assert len(pictures) == len(set(name) - {" "})


def test_a_letter_that_no_typeface_has_is_a_box_with_its_number() -> None:
    khmer, other = line_image(Line("\u1780")), line_image(Line("\u1781"))
    assert face_of("\u1780", Chain.GRID) is None
    assert ink(khmer) > 60
    assert khmer.tobytes() != other.tobytes()


def test_a_name_cannot_command_the_printer() -> None:
    job = slip_for("Eve\x1b@\x1dV\x00\x1dv0\n\x1bp\x00\x19\xfa")
    assert (job.resets, job.cuts) == (1, 1)
    assert isinstance(name_line(job), Picture)


def test_a_joined_emoji_and_an_accent_take_no_room_of_their_own() -> None:
    assert line_image(Line("❤\ufe0f")).size == line_image(Line("❤")).size
    assert line_image(Line("x\u0301")).size == line_image(Line("x")).size
    assert ink(line_image(Line("x\u0301"))) > ink(line_image(Line("x")))


def test_the_typefaces_are_there_with_their_licences() -> None:
    folder = Face.MONO.path.parent
    assert {path.name for path in folder.glob("*.ttf")} == {face.value for face in Face}
    for licence in ("LICENSE.DejaVu", "LICENSE.NotoEmoji", "README.md"):
        assert (folder / licence).stat().st_size > 500
    readme = (folder / "README.md").read_text()
    assert all(face.value in readme for face in Face)
    assert all(len(coverage(face)) > 1_000 for face in Face)


def test_ascii_is_exactly_a_cell_wide_in_the_preview() -> None:
    every = "".join(chr(code) for code in range(0x21, 0x7F))
    plain = line_image(Line(every))
    # Drawn letter by letter, as a line with foreign text is, the same dots come out.
    mixed = line_image(Line(every + "é")).crop((0, 0, plain.width, plain.height))
    assert ImageChops.difference(plain.convert("L"), mixed.convert("L")).getbbox() is None
