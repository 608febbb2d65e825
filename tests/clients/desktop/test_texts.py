"""Goal: no text is missing in either language, and a change of language reaches what is open.

Method: the sources' messages are extracted anew and held against the catalogue; a real window is switched,
and told what it cannot read.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest
import shiboken6
from babel.messages.pofile import read_po
from PySide6.QtWidgets import QLabel, QWidget

from clients.desktop import texts
from clients.desktop.texts import Speaking, marked
from clients.desktop.theme import DARK, LIGHT, Colours
from tests.clients.conftest import KOPI
from tests.clients.desktop.conftest import scan, typed

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = texts.LOCALES / "id" / "LC_MESSAGES" / "desktop.po"


def test_every_text_of_the_sources_is_translated_and_compiled():
    command = [sys.executable, "tools/texts.py", "--check"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_a_translation_names_the_same_facts():
    with CATALOGUE.open("rb") as file:
        for message in read_po(file):
            names = [sorted(re.findall(r"\{\w+(?::[^}]*)?\}", text)) for text in (message.id, message.string)]
            assert names[0] == names[1], message.id


WRONG_INPUTS = frozenset({"BadInput", "NeedsLine", "NotCovered"})
NO_FACTS = frozenset({"uncovered"})


def wrong_inputs() -> list[ast.Call]:
    """Where what is typed is refused, in what windows share with the terminal's commands."""
    return [
        node
        for folder in ("common", "till")
        for path in sorted((ROOT / "clients" / folder).glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in WRONG_INPUTS
    ]


def test_what_cannot_be_read_is_told_by_a_template_with_its_facts():
    with CATALOGUE.open("rb") as file:
        known = {message.id for message in read_po(file) if message.string}
    calls = wrong_inputs()
    assert len(calls) > 50
    for call in calls:
        (template,) = call.args
        assert isinstance(template, ast.Constant), ast.unparse(call)
        assert template.value in known
        named = {name for _text, name, *_format in Formatter().parse(template.value) if name is not None}
        assert named == {keyword.arg for keyword in call.keywords} - NO_FACTS, template.value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("shipping", "12.5", "'12.5' bisa dibaca dua arti: tulis ribuan dengan titik"),
        ("shipping", "gratis", "'gratis' bukan jumlah uang: tulis misalnya 108400"),
        ("until", "2026-02-30 17:00", "'2026-02-30 17:00' bukan waktu yang ada."),
        ("until", "besok pagi", "'besok pagi' bukan waktu: tulis seperti salah satu ini: 17:00"),
    ],
)
def test_a_wrong_amount_and_a_wrong_date_are_told_in_the_language_of_the_window(
    window, wait, field, text, words
):
    window.next_language()
    window.go(window.booking)
    scan(window, KOPI)
    wait(lambda: len(window.booking.lines.rows) == 1)
    window.booking.form.fields[field].setText(text)
    wait(lambda: words in window.booking.why_not.text())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("KOPI-01x0", "'KOPI-01x0': jumlah dari 1 sampai 1.000.000."),
        ("KOPI-01x1,5", "Tidak ada barang 'KOPI-01x1,5'. Jumlah adalah angka bulat mulai 1"),
        ("KOPI-01@GUDANK", "Tidak ada lokasi 'GUDANK'. Maksudnya GUDANG?"),
    ],
)
def test_a_wrong_quantity_and_a_wrong_place_are_told_in_the_language_of_the_window(window, wait, text, words):
    window.next_language()
    window.go(window.booking)
    window.booking.code.setFocus()
    typed(window, f"{text}\r")
    wait(lambda: words in window.desk.notice.words.text())
    assert not window.booking.lines.rows


def test_the_language_changes_while_the_window_is_open(window):
    assert window.windowTitle() == "Customer service"
    assert window.booking.send.text().startswith("Book")
    window.next_language()
    assert window.windowTitle() == "Layanan pelanggan"
    assert window.booking.send.text().startswith("Pesan")
    assert window.finding.found.headerData(1, _horizontal()) == "Nama"
    assert window.desk.settings.language == "id"
    window.next_language()
    assert window.windowTitle() == "Customer service"


def _horizontal():
    from PySide6.QtCore import Qt

    return Qt.Orientation.Horizontal


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("worn", [LIGHT, DARK], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(worn: Colours):
    for ground in (worn.ground, worn.surface, worn.raised, worn.chosen):
        assert contrast(worn.text, ground) >= 7
    for ink in (worn.muted, worn.accent, worn.good, worn.warning, worn.bad):
        assert contrast(ink, worn.surface) >= 4.5, ink
    assert contrast(worn.on_accent, worn.accent) >= 4.5
    assert contrast(worn.text, worn.bad_ground) >= 7
    assert contrast(worn.text, worn.good_ground) >= 7


def test_a_widget_that_is_gone_is_not_spoken_to(qtbot, settings):
    class Place(Speaking, QWidget):
        pass

    place = Place()
    qtbot.addWidget(place)
    stays, goes = QLabel(place), QLabel(place)
    place.say(stays.setText, marked("Close"))
    place.say(goes.setText, marked("Close"))
    shiboken6.delete(goes)
    texts.speak("id")
    assert stays.text() == "Tutup"
    assert len(place._said) == 1
    texts.speak("en")
