"""How windows look: two sets of colours, one style sheet, sizes that a hand hits without looking."""

from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

POINT_SIZE = 11
# Height of what is clicked and of a row, in pixels at 96 dpi
TARGET_PX = 38
ROW_PX = 36


@dataclass(frozen=True)
class Colours:
    """Contrast of text on its ground is 4.5 : 1 or more; a test holds them to it."""

    ground: str
    surface: str
    raised: str
    text: str
    muted: str
    line: str
    accent: str
    on_accent: str
    chosen: str
    good: str
    warning: str
    bad: str
    bad_ground: str
    good_ground: str


LIGHT = Colours(
    ground="#f2f4f7",
    surface="#ffffff",
    raised="#f8f9fb",
    text="#1a2028",
    muted="#566170",
    line="#d3d9e1",
    accent="#0a5fb8",
    on_accent="#ffffff",
    chosen="#dcebfa",
    good="#17693a",
    warning="#855600",
    bad="#b3211a",
    bad_ground="#fdeceb",
    good_ground="#e7f5ec",
)
DARK = Colours(
    ground="#14181d",
    surface="#1c2128",
    raised="#232932",
    text="#e6eaf0",
    muted="#9aa6b5",
    line="#39424e",
    accent="#6db3ff",
    on_accent="#0b1a2b",
    chosen="#21405f",
    good="#63cf8f",
    warning="#e8b54a",
    bad="#ff8d85",
    bad_ground="#3a2022",
    good_ground="#1b3326",
)

_SHEET = Path(__file__).with_name("theme.qss")


def colours() -> Colours:
    """Those that are worn now."""
    return _worn[-1]


_worn: list[Colours] = [LIGHT]


def wear(app: QApplication, look: str) -> None:
    """Puts the look on all windows: "light", "dark", or "system" for what the desktop says."""
    dark = look == "dark" or (look == "system" and _system_is_dark())
    worn = DARK if dark else LIGHT
    _worn[:] = [worn]
    app.setStyle("Fusion")
    app.setPalette(_palette(worn))
    font = QFont(app.font())
    font.setPointSize(POINT_SIZE)
    app.setFont(font)
    sheet = Template(_SHEET.read_text("utf-8"))
    arrow = _SHEET.with_name("arrow-dark.svg" if dark else "arrow-light.svg").as_posix()
    sizes = {"target": f"{TARGET_PX}px", "size": f"{POINT_SIZE}pt"}
    app.setStyleSheet(sheet.substitute(asdict(worn), arrow=arrow, **sizes))


def _system_is_dark() -> bool:
    return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark


def _palette(worn: Colours) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for each, colour in (
        (role.Window, worn.ground),
        (role.WindowText, worn.text),
        (role.Base, worn.surface),
        (role.AlternateBase, worn.raised),
        (role.Text, worn.text),
        (role.PlaceholderText, worn.muted),
        (role.Button, worn.raised),
        (role.ButtonText, worn.text),
        (role.Highlight, worn.chosen),
        (role.HighlightedText, worn.text),
        (role.ToolTipBase, worn.raised),
        (role.ToolTipText, worn.text),
        (role.Link, worn.accent),
    ):
        palette.setColor(each, QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, each, QColor(worn.muted))
    return palette
