"""Goal: no text is missing in either language, and a change of language reaches what is open.

Method: the sources' messages are extracted anew and held against the catalogue; a real window is switched.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from clients.desktop import texts
from clients.desktop.theme import DARK, LIGHT, Colours

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
