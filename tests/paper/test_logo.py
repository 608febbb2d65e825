"""The shop's logo at the head of slips and receipts, on every kind of paper; and files that are none."""

import struct
import time
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageDraw

from hardware.paper import Logo, Paper, PaperError, order_slip, sales_receipt
from hardware.paper.logo import logo_dots, read
from tests.paper import samples
from tests.paper.escpos_reader import Job, Picture
from tests.paper.reading import codes_by_both, pages, picture

DOTS = {58: 384, 80: 576}


def drawn(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    """A disc of a grey that is neither black nor white, red within."""
    image = Image.new(mode, size, (255, 255, 255, 0)[: len(mode)])
    draw = ImageDraw.Draw(image)
    draw.ellipse((0, 0, size[0] - 1, size[1] - 1), (100, 100, 100, 255)[: len(mode)])
    draw.rectangle((size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2), (200, 0, 0, 255)[: len(mode)])
    return image


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)  # type: ignore[arg-type]
    return path


@pytest.fixture(scope="module")
def logo(tmp_path_factory: pytest.TempPathFactory) -> Logo:
    return read(saved(tmp_path_factory.mktemp("logo") / "logo.png", drawn((900, 300), "RGBA")))


def receipt(width_mm: int = 80) -> Paper:
    return sales_receipt(samples.till_sale(), samples.shop(), None, samples.till(), width_mm=width_mm)


def blackness(image: Image.Image) -> float:
    """How much of it is ink, 0 to 1."""
    grey = image.convert("L")
    return 1 - sum(level * count for level, count in enumerate(grey.histogram())) / 255 / (
        grey.width * grey.height
    )


@pytest.mark.parametrize("width_mm", [58, 80])
def test_it_is_the_first_thing_that_a_printer_prints(logo: Logo, width_mm: int) -> None:
    slip = order_slip(
        samples.order(), samples.shop(), samples.account(), samples.courier(), width_mm=width_mm
    )
    for paper in (receipt(width_mm), slip):
        job = Job(paper.with_logo(logo).escpos())
        head, *rest = job.items
        assert isinstance(head, Picture)
        assert head.image.width == DOTS[width_mm]
        assert rest == Job(paper.escpos()).items
        asked = logo_dots(logo, DOTS[width_mm])
        assert ImageChops.difference(head.image.convert("L"), asked.convert("L")).getbbox() is None
        left, top, right, bottom = ImageChops.invert(asked.convert("L")).getbbox() or (0, 0, 0, 0)
        assert abs(left - (DOTS[width_mm] - right)) <= 2, "in the middle"
        assert abs((right - left) / (bottom - top) - 3) < 0.1, "in its own shape"
        # Grey comes out as so many black dots.
        disc = asked.crop((DOTS[width_mm] // 2 + 20, 10, DOTS[width_mm] // 2 + 60, bottom - 10))
        assert blackness(disc) == pytest.approx(1 - 100 / 255, abs=0.05)


def test_screens_and_pages_show_it_in_colour(logo: Logo) -> None:
    paper = receipt().with_logo(logo)
    assert paper.html().count("<img ") == receipt().html().count("<img ") + 1
    (plain,), (page,) = pages(receipt().pdf()), pages(paper.pdf())
    assert page.height > plain.height + 200
    assert codes_by_both(page) == {("Code 128", "S8072")}
    with_it, without = picture(paper.png(1)), picture(receipt().png(1))
    above = logo_dots(logo, 576).height
    assert with_it.height == without.height + above
    below = with_it.crop((0, 40 + above, with_it.width, with_it.height))
    assert (
        ImageChops.difference(below, without.crop((0, 40, without.width, without.height))).getbbox() is None
    )
    assert picture(logo.png).getpixel((240, 80)) == (200, 0, 0)


def test_a_large_logo_shrinks_and_a_small_one_stays(tmp_path: Path) -> None:
    assert logo_dots(read(saved(tmp_path / "wide.png", drawn((3000, 300)))), 384).height in {48, 49}
    tall = read(saved(tmp_path / "tall.jpg", drawn((500, 2000))))
    assert tall.size(576) == (50, 200)
    small = read(saved(tmp_path / "small.png", drawn((40, 20))))
    assert small.size(576) == (40, 20)
    assert receipt(58).with_logo(tall).escpos()
    assert read(saved(tmp_path / "thin.png", drawn((2000, 1)))).size(384) == (384, 1)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_pictures_of_every_kind(tmp_path: Path, mode: str) -> None:
    image = drawn((60, 60)).convert("L").convert("I;16") if mode == "I;16" else drawn((60, 60)).convert(mode)
    path = saved(tmp_path / ("logo.jpg" if mode == "CMYK" else "logo.png"), image)
    assert receipt().with_logo(read(path)).escpos()


def test_a_photograph_lying_on_its_side_is_stood_up(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(saved(tmp_path / "side.jpg", drawn((120, 60)), exif=exif)).size(576) == (60, 120)


def huge_png(side: int) -> bytes:
    """A PNG that says that it has so many pixels, in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no picture: a PNG or JPEG is wanted"),
        (b"GIF89a not ours", "is no picture"),
        (b"\x89PNG\r\n\x1a\nbroken", "is no picture"),
        (b"\xff\xd8\xff\xe0 broken", "is no picture"),
        (huge_png(5_000), "too large: 5000 x 5000 pixels are more than 16 million"),
        (huge_png(60_000), "too large"),
        (huge_png(100), "is no picture"),
        (bytes(9 * 2**20), "too large: it may have 8 MiB"),
    ],
    ids=["empty", "gif", "png", "jpeg", "many pixels", "a bomb", "torn", "large file"],
)
def test_what_is_no_logo_is_said_plainly(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "logo.png"
    path.write_bytes(content)
    with pytest.raises(PaperError, match=words):
        read(path)


def test_what_is_not_there_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(PaperError, match="cannot be read: No such file"):
        read(tmp_path / "nowhere.png")
    with pytest.raises(PaperError, match="cannot be read: Is a directory"):
        read(tmp_path)
    with pytest.raises(PaperError, match="cannot be read: there can be no such file"):
        read(tmp_path / "a\0b")


def test_printing_with_it_is_not_slower(logo: Logo) -> None:
    def seconds(paper: Paper) -> float:
        paper.escpos()
        started = time.thread_time()
        for _ in range(20):
            paper.escpos()
        return time.thread_time() - started

    with_it = seconds(receipt().with_logo(logo))
    assert with_it < seconds(receipt()) * 1.3 + 0.01


def test_a_grey_of_sixteen_bits_is_a_grey(tmp_path: Path) -> None:
    grey = Image.new("I;16", (60, 60), 30_000)
    image = picture(read(saved(tmp_path / "deep.png", grey)).png)
    assert image.getpixel((30, 30)) == (117, 117, 117)
