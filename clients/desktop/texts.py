"""What windows say, in English or Indonesian, switched while they are open.

English stands in the sources; `locale/` has the Indonesian (`make texts` renews it from the sources). A
window that says something with `Speaking.say` says it anew when the language changes.
"""

import gettext
import html
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import shiboken6
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication

DOMAIN = "desktop"
LOCALES = Path(__file__).parent / "locale"
# By code, as a person who speaks it looks for it
LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}
DEFAULT_LANGUAGE = "id"


class _Now:
    language = "en"


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALES, [language], fallback=language == "en")


def _(message: str) -> str:
    """The message in the language of now."""
    return _catalogue(_Now.language).gettext(message) if message else ""


def marked(message: str) -> str:
    """Marks a message that is translated where it is shown."""
    return message


def language() -> str:
    """The language of now, by its code."""
    return _Now.language


def speak(code: str) -> None:
    """Changes the language; every open window says its texts anew."""
    _Now.language = code if code in LANGUAGES else DEFAULT_LANGUAGE
    if isinstance(QApplication.instance(), QApplication):
        for window in QApplication.topLevelWidgets():
            QApplication.sendEvent(window, QEvent(QEvent.Type.LanguageChange))


def tip(words: str) -> str:
    """Words for a tooltip: Qt would take a name that has "<b>" in it for markup. They break into lines."""
    return f"<qt>{html.escape(words)}</qt>" if words else ""


def _is_there(setter: Callable[[str], Any]) -> bool:
    """Whether the widget of a setter is not deleted yet: to call it then ends the program."""
    widget = getattr(setter, "__self__", None)
    return not isinstance(widget, QObject) or shiboken6.isValid(widget)


class Speaking:
    """Beside QWidget: remembers what was said where, and says it anew when the language changes."""

    _said: dict[Callable[[str], Any], Callable[[], str]]

    def say(self, setter: Callable[[str], Any], message: str, **facts: object) -> None:
        """Hands the message, now and after each change of language, to a widget's setter."""
        self.tell(setter, lambda: _(message).format(**facts) if facts else _(message))

    def tell(self, setter: Callable[[str], Any], words: Callable[[], str]) -> None:
        """The same for words that are put together."""
        if not hasattr(self, "_said"):
            self._said = {}
        self._said[setter] = words
        setter(words())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Hears of a change of language."""
        super().changeEvent(event)  # type: ignore[misc]
        if event.type() == QEvent.Type.LanguageChange:
            said = getattr(self, "_said", {})
            for setter in [each for each in said if not _is_there(each)]:
                del said[setter]
            for setter, words in list(said.items()):
                setter(words())
            self.retranslated()

    def retranslated(self) -> None:
        """What else is to be done after a change of language."""
