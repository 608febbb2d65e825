"""Starting a program of windows, and ending it."""

import os
import signal
import sys
from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from clients.common.connection import Connection
from clients.common.problems import BadInput
from clients.desktop import texts, theme
from clients.desktop.login import logged_in
from clients.desktop.settings import LocalSettings
from clients.desktop.window import Window

# Python hears of Ctrl-C only when it runs.
_SIGNAL_MS = 300
# Each names a screen.
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")


def application(name: str, settings: LocalSettings) -> QApplication:
    """The one of this process, speaking and looking as its user likes."""
    found = QApplication.instance()
    app = found if isinstance(found, QApplication) else QApplication([name])
    app.setApplicationName(name)
    app.setApplicationDisplayName("Kasir")
    texts.speak(settings.language)
    theme.wear(app, settings.look)
    app.styleHints().colorSchemeChanged.connect(lambda _scheme: theme.wear(app, settings.look))
    return app


def run(
    name: str, line: Connection, make: Callable[[LocalSettings, Connection], Window], *, alone: bool = False
) -> int:
    """Shows a window until it is closed; the exit status. Where the server wants somebody logged in, asks who
    is there first; one that works `alone` opens without the line, too. Raises BadInput as the window does,
    and where there is no screen.
    """
    if sys.platform == "linux" and not any(os.environ.get(name) for name in _SCREENS):
        # Qt would end the program with a core dump.
        raise BadInput("There is no screen here: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    settings = LocalSettings(name)
    app = application(name, settings)
    found = logged_in(line, alone=alone)
    if found is None:
        return 0
    window = make(settings, found)
    if not settings.geometry.isEmpty():
        window.restoreGeometry(settings.geometry)
    window.show()
    signal.signal(signal.SIGINT, lambda *_: window.close())
    # Whoever ends programs by a signal answers no question.
    signal.signal(signal.SIGTERM, lambda *_: window.end())
    ticking = QTimer()
    ticking.timeout.connect(lambda: None)
    ticking.start(_SIGNAL_MS)
    return app.exec()
