"""The shop's logo: read from a picture file, made to fit a paper, dithered to a thermal printer's dots."""

import struct
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from hardware.paper.errors import PaperError

# A file beyond either is no logo: it would only cost memory.
_FILE_MAX_BYTES = 8 * 2**20
_PIXELS_MAX = 16_000_000
# Dots of 203 dpi: as wide as the widest paper prints, and 25 mm high, since paper costs money.
_WIDTH_MAX, _HEIGHT_MAX = 576, 200
# White below it.
_GAP = 10
_WHITE = 255
_KEPT = 32


@dataclass(frozen=True)
class Logo:
    """A picture in colour, no larger than a paper takes: `rgb` are its rows of three bytes a pixel."""

    width: int
    height: int
    rgb: bytes = field(repr=False)

    @property
    def image(self) -> Image.Image:
        """In colour."""
        return Image.frombytes("RGB", (self.width, self.height), self.rgb)

    @cached_property
    def png(self) -> bytes:
        """In colour, for screens."""
        buffer = BytesIO()
        self.image.save(buffer, "PNG")
        return buffer.getvalue()

    def size(self, dots: int) -> tuple[int, int]:
        """Width and height on a paper so many dots wide: smaller where it must be, never larger."""
        return _fitting(self.width, self.height, dots)


def read(path: Path) -> Logo:
    """Reads a PNG or JPEG, at most 8 MiB and 16 million pixels. What is transparent in it is white.

    Raises PaperError saying what is wrong with the file.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) else "there can be no such file"
        raise PaperError(f"the logo {str(path)!r} cannot be read: {words}") from error
    if len(data) > _FILE_MAX_BYTES:
        raise PaperError(f"the logo {path} is too large: it may have {_FILE_MAX_BYTES // 2**20} MiB")
    try:
        with Image.open(BytesIO(data), formats=("PNG", "JPEG")) as found:
            # Before a pixel of it is unpacked: a small file may hold a picture that fills the memory.
            _check_size(path, *found.size)
            # A JPEG is unpacked smaller than it is where that is enough.
            found.draft("RGB", (2 * _WIDTH_MAX, 2 * _WIDTH_MAX))
            upright = ImageOps.exif_transpose(found)
            if upright.mode.startswith("I"):
                # Grey of 16 bits, of which 8 are kept.
                upright = upright.convert("I").point(lambda grey: grey / 256).convert("L")
            upright = upright.convert("RGBA")
    except PaperError:
        raise
    except Image.DecompressionBombError as error:
        raise PaperError(f"the logo {path} is too large: it has too many pixels") from error
    except (OSError, SyntaxError, ValueError, TypeError, struct.error) as error:
        raise PaperError(f"the logo {path} is no picture: a PNG or JPEG is wanted") from error
    size = _fitting(*upright.size, _WIDTH_MAX)
    flat = Image.new("RGBA", size, (_WHITE, _WHITE, _WHITE, _WHITE))
    flat.alpha_composite(upright.resize(size, Image.Resampling.LANCZOS))
    return Logo(*size, flat.convert("RGB").tobytes())


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > _PIXELS_MAX:
        raise PaperError(
            f"the logo {path} is too large: {width} x {height} pixels are more than "
            f"{_PIXELS_MAX // 1_000_000} million"
        )


def _fitting(width: int, height: int, dots: int) -> tuple[int, int]:
    scale = min(1.0, dots / width, _HEIGHT_MAX / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


@lru_cache(_KEPT)
def logo_dots(logo: Logo, dots: int) -> Image.Image:
    """The logo in the middle of a paper's width, in black and white by Floyd and Steinberg's error
    diffusion.
    """
    size = logo.size(dots)
    grey = logo.image.convert("L").resize(size, Image.Resampling.LANCZOS)
    image = Image.new("1", (dots, size[1] + _GAP), _WHITE)
    image.paste(grey.convert("1"), ((dots - size[0]) // 2, 0))
    return image
