"""A document as ESC/POS bytes for a thermal receipt printer, through python-escpos.

Letters are sent as letters only where every printer has the same ones: ASCII. Any other line, every rule and
every bar code is sent as a raster picture (GS v 0), so that no code page, country setting or missing font can
garble it.
"""

import logging
import os
import shutil
from functools import cache, lru_cache
from typing import Any

from hardware.paper.document import CELL_WIDTH, COLUMNS, Document, Line, Rule, Symbol, lay_out
from hardware.paper.logo import Logo, logo_dots
from hardware.paper.raster import line_image, rule_image, symbol_image

# Printer profiles of python-escpos by paper: 576 dots and a cutter on 80 mm, 384 dots and a tear bar on 58
# mm.
_PROFILES = {58: "POS-5890", 80: "TM-T20II"}

_LOGOS_KEPT = 32
# ESC R: the letters of ASCII as America has them.
_AMERICAN = b"\x1bR\x00"


@cache
def _dummy() -> Any:
    """python-escpos's printer that keeps its bytes, imported on first use: its printer list takes a while.

    Importing it adds a handler to the root logger and leaves an empty folder in the temporary directory; both
    are undone.
    """
    handlers = logging.root.handlers[:]
    from escpos import capabilities  # noqa: PLC0415
    from escpos.printer import Dummy  # noqa: PLC0415

    logging.root.handlers[:] = handlers
    if "ESCPOS_CAPABILITIES_PICKLE_DIR" not in os.environ:
        shutil.rmtree(capabilities.pickle_dir, ignore_errors=True)
    return Dummy


def escpos(document: Document) -> bytes:
    """The printer's bytes: reset, lines and pictures, feed, cut."""
    printer = _dummy()(
        profile=_PROFILES[document.width_mm], magic_encode_args={"disabled": True, "encoding": "CP437"}
    )
    printer.hw("INIT")
    # A reset goes back to the country that the printer was set to, whose letters may stand for # $ @ [ ] ^
    # and braces.
    printer._raw(_AMERICAN)  # noqa: SLF001 (python-escpos has no name for it)
    style = Line("")
    for item in lay_out(document):
        if isinstance(item, Symbol):
            printer.image(symbol_image(item, document.width_mm), impl="bitImageRaster")
        elif isinstance(item, Rule):
            printer.image(rule_image(item, document.width_mm), impl="bitImageRaster")
        elif isinstance(item, Logo):
            printer._raw(_logo(item, document.width_mm))  # noqa: SLF001 (see above)
        elif item.text.isascii():
            _set_style(printer, style, item)
            style = item
            printer.text(item.text + "\n")
        else:
            printer.image(line_image(item), impl="bitImageRaster")
    _set_style(printer, style, Line(""))
    printer.cut()
    return _without_real_time(bytes(printer.output))


@lru_cache(_LOGOS_KEPT)
def _logo(logo: Logo, width_mm: int) -> bytes:
    """The logo as a raster picture: the same in every job, so it is made once."""
    printer = _dummy()(profile=_PROFILES[width_mm])
    printer.image(logo_dots(logo, COLUMNS[width_mm] * CELL_WIDTH), impl="bitImageRaster")
    return bytes(printer.output)


def _without_real_time(job: bytes) -> bytes:
    """Printers look for real-time commands in pictures, too, and a pulse to the drawer or a power-off among
    the dots would be obeyed. Where the dots look like one, a dot is added. Letters and commands hold no DLE.
    """
    for pulse_or_power in (b"\x10\x14\x01", b"\x10\x14\x02"):
        job = job.replace(pulse_or_power, pulse_or_power[:2] + bytes((pulse_or_power[2] | 0x80,)))
    return job


def _set_style(printer: Any, now: Line, wanted: Line) -> None:
    """Sends only what changes from one line to the next."""
    if wanted.size != now.size:
        printer.set(custom_size=True, width=wanted.size, height=wanted.size)
    if wanted.bold != now.bold:
        printer.set(bold=wanted.bold)
    if wanted.inverse != now.inverse:
        printer.set(invert=wanted.inverse)
