"""The receipt without paper: HTML and PDF with the same content as the printer's, and nothing that is
fetched.
"""

import base64
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.paper import Paper, order_slip, sales_receipt, shift_report
from hardware.paper.receipt_html import html
from kasir.v1.sale_pb2 import Sale
from tests.paper import samples
from tests.paper.reading import codes_by_both, page_texts, pages, picture

WIDTHS = pytest.mark.parametrize("width_mm", [58, 80])
FOREIGN = "محمد علي 王小明 שלום <b>&\"'"


class Page(HTMLParser):
    """The words of a page, and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        assert not {"onload", "onerror", "onclick"} & given.keys()
        if tag not in {"meta", "img"}:
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "title" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join("".join(self.words).split())


def till_receipt(width_mm: int = 80) -> Paper:
    return sales_receipt(samples.till_sale(), samples.shop(), None, samples.till(), width_mm=width_mm)


PAPERS = [
    till_receipt(),
    till_receipt(58),
    sales_receipt(samples.sale_of_order(), samples.shop(), samples.order()),
    order_slip(
        samples.order(), samples.shop(), samples.account(), samples.courier(), qris=samples.QRIS, copy=2
    ),
    shift_report(samples.closed_shift(), samples.shop(), samples.till()),
]


def squeezed(text: str) -> str:
    return "".join(text.replace("-" * 10, "").replace("=" * 10, "").split())


def content(paper: Paper) -> list[str]:
    """The words of the terminal's text, one by one, rules left out."""
    return [word for word in paper.text().split() if not set(word) <= set("-=")]


@pytest.mark.parametrize("paper", PAPERS)
def test_html_and_pdf_say_what_the_paper_says(paper: Paper) -> None:
    page, (on_pdf,) = Page(paper.html()), page_texts(paper.pdf())
    assert page.open == []
    assert sorted(page.text.replace("\xa0", "")) == sorted("".join(content(paper)))
    assert sorted("".join(on_pdf.split())) == sorted("".join(content(paper)))


@pytest.mark.parametrize("paper", PAPERS)
def test_the_page_fetches_nothing_and_its_codes_are_read(paper: Paper) -> None:
    page = Page(paper.html())
    wanted = codes_by_both(picture(paper.png()))
    read = set()
    for source in page.sources:
        assert source.startswith("data:image/png;base64,")
        read |= codes_by_both(picture(base64.b64decode(source.partition(",")[2])))
    assert read == wanted
    assert not {"script", "link", "iframe"} & set(page.tags)
    (on_pdf,) = pages(paper.pdf(), 300)
    assert codes_by_both(on_pdf) == wanted


@WIDTHS
def test_the_pdf_is_as_wide_as_the_paper(width_mm: int) -> None:
    (page,) = pages(till_receipt(width_mm).pdf(), 203)
    assert page.width == pytest.approx(picture(till_receipt(width_mm).png(1)).width, abs=2)
    assert page.height == pytest.approx(picture(till_receipt(width_mm).png(1)).height, abs=2)


def named(name: str) -> Paper:
    sale, order = samples.sale_of_order(), samples.order()
    order.customer_name = name
    sale.lines[0].name = name
    return sales_receipt(sale, samples.shop(), order)


def test_names_of_other_scripts_keep_their_order_and_their_direction() -> None:
    text = named(FOREIGN).html()
    # Logical order: whoever shows it turns it, and only it.
    assert '<bdi dir="auto">محمد علي 王小明 שלום &lt;b&gt;&amp;&quot;&#x27;</bdi>' in text
    assert "\u202e" not in named("a\u202eb\u2066c").html()
    assert "abc" in Page(named("a\u202eb\u2066c").html()).text


@settings(deadline=None, max_examples=60)
@given(
    st.one_of(
        st.text(max_size=100),
        st.sampled_from(["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;"]),
    )
)
def test_no_name_becomes_markup(name: str) -> None:
    plain, page = Page(named("Sri").html()), Page(named(name).html())
    assert page.tags.count("img") == plain.tags.count("img") == 1
    assert "script" not in page.tags
    assert page.open == []


def test_pictures_may_stand_beside_the_page() -> None:
    made = html(till_receipt().document, "Struk", lambda number, png: f"cid:{number}-{len(png)}")
    (source,) = Page(made).sources
    assert re.fullmatch(r"cid:0-\d+", source)


@pytest.mark.parametrize("paper", PAPERS)
def test_the_same_receipt_makes_the_same_bytes(paper: Paper) -> None:
    assert paper.html() == paper.html()
    assert paper.pdf() == paper.pdf()


def test_a_receipt_with_every_script_is_a_pdf() -> None:
    (text,) = page_texts(named("Café 王小明 🎁 Дмитрий").pdf())
    for word in ("Café", "王小明", "Дмитрий"):
        assert word in text.replace(" ", "").replace("\r\n", "")
    assert Sale().sale_id == 0
