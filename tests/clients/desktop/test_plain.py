"""Goal: what items and customers are called is shown as it is written, never as markup."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QHelpEvent, QTextDocument
from PySide6.QtGui import Qt as Rich
from PySide6.QtWidgets import QApplication, QLabel, QToolTip

from clients.desktop.charts import Bar, Ranking
from clients.desktop.parts import Elided
from tests.clients.conftest import SARI

NAME = '<b>Kopi</b> & <img src="file:///etc/passwd">'


def seen(tip: str) -> str:
    """What Qt makes of a tooltip."""
    if not Rich.mightBeRichText(tip):
        return tip
    document = QTextDocument()
    document.setHtml(tip)
    return document.toPlainText()


@pytest.fixture
def named(run, shop) -> None:
    run("catalogue", "add", "MARKUP", NAME, "--price", "9.000")
    run("warehouse", "receive", "MARKUPx5")
    run("cs", "book", "--line", "MARKUP@GUDANG", "--name", NAME, "--phone", "081234567890")
    run("cs", "book", "--line", "GULA-5@GUDANG", *SARI)


def test_tooltips_show_names_as_they_are_written(named, window, wait):
    window.go(window.orders)
    wait(lambda: window.orders.orders.rowCount() == 2)
    index = window.orders.orders.index(1, 1)
    assert window.orders.orders.data(index) == NAME
    assert seen(window.orders.orders.data(index, Qt.ItemDataRole.ToolTipRole)) == NAME
    window.go(window.booking)
    window.booking.scanned("MARKUP")
    wait(lambda: len(window.booking.lines.rows) == 1)
    assert seen(window.booking.lines.rows[0].name.toolTip()) == NAME
    assert Elided().toolTip() == ""


def test_a_bar_is_told_as_it_is_written(qtbot):
    chart = Ranking()
    qtbot.addWidget(chart)
    chart.resize(400, 300)
    chart.put([Bar(NAME, 5, "Rp 5")])
    chart.show()
    qtbot.waitUntil(lambda: bool(chart._areas), timeout=30_000)
    at = chart.area_of(0).center().toPoint()
    QApplication.sendEvent(chart, QHelpEvent(QHelpEvent.Type.ToolTip, at, chart.mapToGlobal(QPoint(at))))
    assert seen(QToolTip.text()) == f"{NAME}: Rp 5"


def test_no_label_takes_what_it_shows_for_markup(named, window, wait):
    window.go(window.booking)
    window.booking.scanned("MARKUP")
    wait(lambda: len(window.booking.lines.rows) == 1)
    labels = [each for each in window.findChildren(QLabel) if type(each).__module__.startswith("clients")]
    labels += [window.desk.notice.words, window.orders.detail_text, window.finding.detail]
    assert {each.textFormat() for each in labels} == {Qt.TextFormat.PlainText}
