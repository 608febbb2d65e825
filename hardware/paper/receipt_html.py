"""A document as HTML: what stands on paper, for a screen or as an e-mail's body.

One column of tables with styles in place, which is what programs for e-mail understand. Nothing is fetched
from anywhere. Text is cleaned and escaped; its direction is found by whoever shows it, each piece by
itself.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from io import BytesIO
from typing import assert_never

from PIL import Image

from hardware.paper.document import (
    Align,
    Barcode,
    Document,
    Element,
    Field,
    Pair,
    QrCode,
    Rule,
    Space,
    Symbol,
    Text,
)
from hardware.paper.logo import Logo
from hardware.paper.raster import symbol_image
from hardware.paper.text import clean

_WIDTH_PX = {58: 300, 80: 400}
_FONT = "font:14px/1.45 'DejaVu Sans Mono',Consolas,Menlo,monospace;color:#000"
_LARGE = "font-size:20px"


def pictures(document: Document) -> list[bytes]:
    """The pictures (PNG) of the document's logo and bar codes, in the order in which they stand on it."""
    found = [element for element in document.elements if isinstance(element, Barcode | QrCode | Logo)]
    return [
        element.png if isinstance(element, Logo) else _picture(element, document.width_mm)
        for element in found
    ]


def html(document: Document, title: str, source: Callable[[int, bytes], str] | None = None) -> str:
    """A whole page. `source` gives the address of the n-th picture, which an e-mail carries beside its
    text; without it the pictures are part of the page.
    """
    address = source or (lambda _number, png: f"data:image/png;base64,{b64encode(png).decode()}")
    sources = iter([address(number, png) for number, png in enumerate(pictures(document))])
    rows = "\n".join(row for element in document.elements for row in _rows(element, sources))
    return (
        '<!DOCTYPE html>\n<html lang="id">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(clean(title))}</title>\n</head>\n"
        f'<body style="margin:0;padding:16px;background:#fff;{_FONT}">\n'
        f'<table role="presentation" cellspacing="0" cellpadding="0" align="center" '
        f'style="width:100%;max-width:{_WIDTH_PX[document.width_mm]}px;border-collapse:collapse;{_FONT}">\n'
        f"{rows}\n</table>\n</body>\n</html>\n"
    )


def _rows(element: Element, sources: Iterator[str]) -> list[str]:
    match element:
        case Text():
            return [
                _across(
                    _said(element.text), _style(element.bold, element.large, element.inverse), element.align
                )
            ]
        case Pair():
            left = f"padding-left:{element.indent}ch;" if element.indent else ""
            style = _style(element.bold, element.large)
            return [
                _two(element.label, f"{left}{style}", element.value, f"white-space:nowrap;{style}", "right")
            ]
        case Field():
            style = _style(element.bold)
            return [_two(element.label, "vertical-align:top", element.value, style, "left")]
        case Rule():
            border = "2px solid" if element.heavy else "1px dashed"
            return [_across("", f"border-top:{border} #000;font-size:6px;line-height:6px", Align.LEFT)]
        case Space():
            return [_across("&nbsp;", "", Align.LEFT)]
        case Barcode() | QrCode():
            said = escape(clean(element.data))
            picture = f'<img src="{escape(next(sources))}" alt="{said}" style="max-width:100%">'
            return [
                _across(picture, "padding-top:8px", Align.CENTER),
                _across(_said(element.caption), "", Align.CENTER),
            ]
        case Logo():
            picture = f'<img src="{escape(next(sources))}" alt="" style="max-width:100%">'
            return [_across(picture, "padding-bottom:8px", Align.CENTER)]
        case _:
            assert_never(element)


def _two(label: str, label_style: str, value: str, value_style: str, align: str) -> str:
    return (
        f'<tr><td style="{label_style}">{_said(label)}</td>'
        f'<td align="{align}" style="padding-left:1ch;{value_style}">{_said(value)}</td></tr>'
    )


def _across(inner: str, style: str, align: Align) -> str:
    return f'<tr><td colspan="2" align="{align.value}" style="{style}">{inner}</td></tr>'


def _said(text: str) -> str:
    return f'<bdi dir="auto">{escape(clean(text))}</bdi>'


def _style(bold: bool = False, large: bool = False, inverse: bool = False) -> str:
    styles = (
        "font-weight:bold" if bold else "",
        _LARGE if large else "",
        "background:#000;color:#fff" if inverse else "",
    )
    return ";".join(style for style in styles if style)


def _picture(element: Barcode | QrCode, width_mm: int) -> bytes:
    drawn = symbol_image(Symbol(element.data, is_qr=isinstance(element, QrCode)), width_mm)
    buffer = BytesIO()
    # A quiet zone above and below too: nobody knows what stands around it on a screen.
    framed = Image.new("1", (drawn.width, drawn.height + 16), 255)
    framed.paste(drawn, (0, 8))
    framed.save(buffer, "PNG", optimize=False)
    return buffer.getvalue()
