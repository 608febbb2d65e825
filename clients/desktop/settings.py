"""What this machine remembers of how its user likes the windows; nothing of the shop is in there."""

from PySide6.QtCore import QByteArray, QSettings

from clients.common.journal import state_dir
from clients.desktop.texts import DEFAULT_LANGUAGE, LANGUAGES

LOOKS = ("system", "light", "dark")


class LocalSettings:
    """One program's settings, in a file beside the requests that wait for an answer."""

    def __init__(self, program: str) -> None:
        path = state_dir() / f"{program}.ini"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stored = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def language(self) -> str:
        """A code of `texts.LANGUAGES`."""
        return self._word("language", DEFAULT_LANGUAGE, tuple(LANGUAGES))

    @language.setter
    def language(self, code: str) -> None:
        self._stored.setValue("language", code)

    @property
    def look(self) -> str:
        """One of `LOOKS`."""
        return self._word("look", LOOKS[0], LOOKS)

    @look.setter
    def look(self, look: str) -> None:
        self._stored.setValue("look", look)

    @property
    def place(self) -> str:
        """The code of the location whose goods these are; empty when none was chosen."""
        found = self._stored.value("place")
        return found if isinstance(found, str) else ""

    @place.setter
    def place(self, code: str) -> None:
        self._stored.setValue("place", code)

    @property
    def geometry(self) -> QByteArray:
        """Where the window stood; empty when it never did."""
        found = self._stored.value("geometry")
        return found if isinstance(found, QByteArray) else QByteArray()

    @geometry.setter
    def geometry(self, geometry: QByteArray) -> None:
        self._stored.setValue("geometry", geometry)

    def save(self) -> None:
        """Writes what changed."""
        self._stored.sync()

    def _word(self, name: str, otherwise: str, known: tuple[str, ...]) -> str:
        """A file that was edited by hand may say anything."""
        found = self._stored.value(name)
        return found if isinstance(found, str) and found in known else otherwise
