"""The frame around screens: where to go, what happened, how the line is, which keys there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from google.protobuf.timestamp_pb2 import Timestamp
from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QMainWindow,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from clients.common.asking_again import ask_again
from clients.common.connection import Connection
from clients.common.journal import PendingRequest
from clients.common.problems import BadInput, CallFailed
from clients.common.scan_view import scan_words
from clients.common.shop import Shop
from clients.desktop import texts, theme
from clients.desktop.asking import Question
from clients.desktop.calls import Calls, Failure, failure_of
from clients.desktop.line import Changes, Line
from clients.desktop.login import LoginDialog, Who
from clients.desktop.os_words import os_words
from clients.desktop.parts import EDGE, SPACE, Notice, Shortcut, button, label, mark
from clients.desktop.settings import LOOKS, LocalSettings
from clients.desktop.texts import LANGUAGES, Speaking, _, marked
from kasir.v1.station_pb2 import Scan
from kasir.v1.watch_pb2 import RESOURCE_SETTING

if TYPE_CHECKING:
    from clients.desktop.scanner import StationScans

# Of what was never answered so much is listed.
KEPT_SHOWN_MAX = 6
LOOK_WORDS = {"system": marked("as the system"), "light": marked("light"), "dark": marked("dark")}


def kept_words() -> str:
    """Of what has no answer still."""
    return _("What was sent is kept and can be asked again: kasir cs pending.")


@dataclass
class Desk:
    """What every screen of a program shares."""

    calls: Calls
    line: Line
    settings: LocalSettings
    notice: Notice
    # That the server did not answer, when that was told last
    _unheard: str = ""

    def tell(self, words: str) -> None:
        """Good news."""
        self.notice.show_words(words, bad=False)

    def tell_failure(self, failure: Failure) -> None:
        """Why something was not done."""
        words = failure.words
        if failure.kept:
            words += " " + kept_words()
        self.notice.show_words(words, bad=True)
        self._unheard = words if failure.unheard else ""

    def refuses_scan(self) -> bool:
        """Whether a scan that is a command is not taken now; that is said: who hears nothing scans again."""
        if self.calls.is_unanswered:
            words = _("The one before has no answer yet: scan this again when it has.")
            self.notice.show_words(words, bad=True)
        return self.calls.is_unanswered

    def heard_again(self) -> None:
        """The server answers: that it did not is told no more."""
        if self._unheard and self.notice.words.text() == self._unheard:
            self.notice.hide()
        self._unheard = ""


@runtime_checkable
class Scannable(Protocol):
    """A dialog that takes scans while it is open."""

    def scanned(self, code: str) -> None:
        """A code was scanned."""


class Screen(Speaking, QWidget):
    """One place in the window."""

    # Marked for translation
    NAME = ""
    # Whether it hears what changes while another one is shown; else it reads all anew when it is shown.
    HEARS_HIDDEN = True

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        # Something changed since it was read
        self.stale = False

    def shortcuts(self) -> Sequence[Shortcut]:
        """Keys that work while this screen is shown."""
        return ()

    def entered(self) -> None:
        """Hears that it is shown now, and reads what is `stale`."""

    def scanned(self, code: str) -> None:
        """A code was scanned while this screen was shown."""

    def changed(self, changes: Changes) -> None:
        """Things changed at the server."""

    def reload(self) -> None:
        """Anything may have changed."""


class Window(Speaking, QMainWindow):
    """A program's one window. Its screens are reached by F2, F3 and so on."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        settings: LocalSettings,
        station: str,
        calls: Calls | None = None,
    ) -> None:
        """Opens the line; `open_screens` fills the window. `station` is an agent's address, or empty. Raises
        BadInput.
        """
        super().__init__()
        self._name = name
        calls = calls or Calls(connection)
        self.desk = Desk(calls, Line(connection, calls.door.ask_once), settings, Notice())
        self._keys: list[QShortcut] = []
        self._looked_for_kept = False
        self._may_close = False
        self._line_was_down = False
        self.screens: list[Screen] = []
        self.say(self.setWindowTitle, name)
        self.who = Who(connection.actor, self._ask_who)
        self._lay_out(name)
        self._login: LoginDialog | None = None
        calls.door.wanted.connect(self._ask_who)
        calls.door.entered.connect(self._entered)
        self.desk.calls.failed.connect(self.desk.tell_failure)
        self.desk.calls.unanswered.connect(self._unanswered)
        self.desk.line.stands.connect(self._line_stands)
        self.desk.line.changed.connect(self._changed)
        self.desk.line.missed.connect(self._missed)
        self.desk.line.refused.connect(lambda words: self.desk.notice.show_words(words, bad=True))
        self._station_address = station
        self.station: StationScans | None = None

    def open_screens(self, screens: Sequence[Screen]) -> None:
        """Puts the screens in, shows the first and begins to follow the server."""
        for number, screen in enumerate(screens):
            self.screens.append(screen)
            self.stack.addWidget(screen)
            key = f"F{number + 2}"
            show = partial(self.go, screen)
            entry = button("side", show)
            entry.setCheckable(True)
            entry.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.tell(entry.setText, partial(_entry_words, key, screen))
            self._entries.append(entry)
            self._side.insertWidget(number + 1, entry)
            self._key(key, show)
        self._key("F1", self.show_keys)
        self._key("Ctrl+L", self.next_language)
        self._key("Ctrl+D", self.next_look)
        self.go(screens[0])
        self.desk.line.start()
        # What takes codes apart is large to import: the window is there before.
        QTimer.singleShot(0, self, self._listen)

    def put_aside(self, widget: QWidget) -> None:
        """Shows what belongs to all screens below their names."""
        self._side.insertWidget(len(self.screens) + 1, widget)

    @property
    def screen_now(self) -> Screen:
        """The one that is shown."""
        return self.screens[self.stack.currentIndex()]

    def go(self, screen: Screen) -> None:
        """Shows a screen."""
        self.desk.notice.hide()
        self.stack.setCurrentWidget(screen)
        for entry, each in zip(self._entries, self.screens, strict=True):
            entry.setChecked(each is screen)
        for key in self._keys:
            key.setEnabled(False)
            key.deleteLater()
        self._keys = [self._key(each.key, each.act) for each in screen.shortcuts()]
        screen.entered()
        screen.stale = False

    def scanned(self, code: str) -> None:
        """A code came from a scanner: the dialog that is open takes it, else the screen that is shown."""
        self._last_scan.setText(_("Scan: {code}").format(code=code))
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            self.desk.notice.hide()
            self.screen_now.scanned(code)
        elif isinstance(dialog, Scannable):
            dialog.scanned(code)
        else:
            self.refuse_scan()

    def refuse_scan(self) -> None:
        """Says aloud that a scan was not taken: something is asked."""
        QApplication.beep()
        self.desk.notice.show_words(_("Answer the question first, then scan."), bad=True)

    def show_keys(self) -> None:
        """Lists the keys of now."""
        KeysDialog(self, self._all_keys()).open()

    def next_language(self) -> None:
        """Speaks the next language."""
        codes = list(LANGUAGES)
        self.desk.settings.language = codes[(codes.index(texts.language()) + 1) % len(codes)]
        texts.speak(self.desk.settings.language)

    def next_look(self) -> None:
        """Wears the next look."""
        look = LOOKS[(LOOKS.index(self.desk.settings.look) + 1) % len(LOOKS)]
        self.desk.settings.look = look
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.wear(app, look)
        self.desk.tell(_("Look: {look}").format(look=_(LOOK_WORDS[look])))

    def end(self) -> None:
        """Closes the window without a question."""
        self._may_close = True
        self.close()

    def event(self, event: QEvent) -> bool:
        """A window is closed when all is done, or somebody knows what is not."""
        undone = self.desk.calls.undone if event.type() == QEvent.Type.Close else 0
        if undone and not self._may_close:
            event.ignore()
            self._ask_to_close(undone)
            return True
        return super().event(event)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's)
        """Ends lines and threads; what was sent and not answered stays in the journal."""
        self.desk.settings.geometry = self.saveGeometry()
        self.desk.settings.save()
        self.desk.calls.door.close()
        self.desk.line.close()
        self.desk.calls.close()
        if self.station is not None:
            self.station.close()
        super().closeEvent(event)

    def _ask_to_close(self, undone: int) -> None:
        words = _("Asked for and not done yet: {count}. Close anyway?").format(count=undone)
        remark = _(
            "What was sent is asked about when this window is opened again; what was not sent yet is dropped."
        )
        question = Question(self, _("Not done yet"), words, remark, _("Close anyway"))
        question.dangerous().ask(lambda _text: self.end())

    def _ask_who(self) -> None:
        """Asks who is there, over whatever is shown: it stays as it is."""
        line = self.desk.calls.connection
        if self._login is not None or line.enrolment is None:
            return
        self._login = LoginDialog(line, line.enrolment, self)
        self._login.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._login.setWindowModality(Qt.WindowModality.ApplicationModal)
        self._login.finished.connect(self._told_who)
        self._login.show()

    def _told_who(self, result: int) -> None:
        dialog, self._login = self._login, None
        assert dialog is not None, "it was asked"
        name = dialog.name if result == QDialog.DialogCode.Accepted else ""
        self.desk.calls.door.answer(name)
        if not name:
            self.who.show_nobody()
            self.desk.notice.show_words(
                _("Nobody is logged in: what needs the server is refused until somebody is."), bad=True
            )

    def _entered(self, name: str) -> None:
        """Somebody is logged in; what is done from now on is theirs."""
        is_other = name != self.desk.calls.connection.actor
        if not is_other and not self.who.is_nobody:
            return
        self.desk.notice.hide()
        self.who.show_name(name)
        self.acts_as(name)
        if is_other:
            self.desk.tell(_("{name} is logged in.").format(name=name))
            self._look_for_kept()
            self._missed()

    def acts_as(self, name: str) -> None:
        """All that the window calls is called by somebody else."""
        self.desk.calls.acts_as(name)
        self.desk.line.acts_as(name)

    def _listen(self) -> None:
        """Scans come from now on."""
        from clients.desktop.scanner import StationScans, TypedScans  # noqa: PLC0415

        self.typed_scans = TypedScans(self)
        self.typed_scans.scanned.connect(self.scanned)
        self.typed_scans.watch(self.windowHandle())
        if self._station_address:
            self.station = StationScans(self._station_address, self)
            self.station.scanned.connect(self._station_scanned)

    def _lay_out(self, name: str) -> None:
        self._entries: list[QPushButton] = []
        side = QFrame()
        side.setProperty("role", "side")
        side.setFixedWidth(224)
        self._side = QVBoxLayout(side)
        self._side.setContentsMargins(12, 18, 12, 14)
        self._side.setSpacing(6)
        title = label("heading", wraps=True)
        title.setContentsMargins(6, 0, 0, 10)
        self.say(title.setText, name)
        self._side.addWidget(title)
        self._side.addStretch()
        keys = label("muted", wraps=True)
        self.tell(keys.setText, lambda: _("F1  all keys") + "\n" + _("Ctrl+L  language"))
        keys.setContentsMargins(6, 0, 0, 0)
        self._side.addWidget(keys)
        self.stack = QStackedWidget()
        middle = QVBoxLayout()
        middle.setContentsMargins(EDGE, EDGE, EDGE, SPACE)
        middle.setSpacing(SPACE)
        middle.addWidget(self.desk.notice)
        middle.addWidget(self.stack, 1)
        whole = QWidget()
        columns = QHBoxLayout()
        columns.setSpacing(0)
        columns.addWidget(side)
        columns.addLayout(middle, 1)
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(columns, 1)
        rows.addWidget(self._foot())
        self.setCentralWidget(whole)

    def _foot(self) -> QFrame:
        foot = QFrame()
        foot.setProperty("role", "foot")
        inside = QHBoxLayout(foot)
        inside.setContentsMargins(EDGE, 7, EDGE, 7)
        self.line_state = label("muted")
        self.say(self.line_state.setText, marked("● looking for the server …"))
        self._last_scan = label("muted")
        inside.addWidget(self.line_state)
        inside.addSpacing(24)
        inside.addWidget(self._last_scan)
        inside.addWidget(self.who, 1)
        return foot

    def _key(self, key: str, act: Callable[[], object]) -> QShortcut:
        made = QShortcut(QKeySequence(key), self)
        made.activated.connect(act)
        return made

    def _all_keys(self) -> list[tuple[str, str]]:
        places = [(f"F{number + 2}", _(screen.NAME)) for number, screen in enumerate(self.screens)]
        here = [(each.key, _(each.words)) for each in self.screen_now.shortcuts()]
        always = [
            ("Ctrl+L", _("the other language")),
            ("Ctrl+D", _("light, dark, or as the system")),
            ("F1", _("this list")),
        ]
        return places + here + always

    def _unanswered(self, why: str) -> None:
        """Of a command that is asked on nobody knows whether it was done; it is done once."""
        words = _("It is asked on until there is an answer, and done only once: do not do it again.")
        if why:
            self.desk.notice.show_words(f"{why} {words}", bad=True)
        elif self.desk.notice.words.text().endswith(words):
            self.desk.notice.hide()

    def _look_for_kept(self) -> None:
        self._looked_for_kept = True
        self.desk.calls.look(self, _kept, self._ask_about_kept, self._not_looked_for_kept)

    def _not_looked_for_kept(self, failure: Failure) -> None:
        self._looked_for_kept = False
        self.desk.tell_failure(failure)

    def _ask_about_kept(self, found: "_Kept") -> None:
        """What this window sent before it was closed, and never heard of."""
        if found.unreadable:
            self.desk.notice.show_words("\n".join(found.unreadable), bad=True)
        if kept := found.requests:
            self._ask_whether_to_ask_again(kept)

    def _ask_whether_to_ask_again(self, kept: Sequence[tuple[PendingRequest, str]]) -> None:
        words = _("Sent before and never answered: {count}. Ask again?").format(count=len(kept))
        lines = [f"{at}  {request.note}" for request, at in kept[:KEPT_SHOWN_MAX]]
        if len(kept) > KEPT_SHOWN_MAX:
            lines.append("…")
        lines.append(_("Nothing is done twice: the server knows what it did."))
        question = Question(self, _("Never answered"), words, "\n".join(lines), _("Ask again"))
        question.ask(lambda _text: self._ask_again([request for request, _at in kept]))

    def _ask_again(self, kept: Sequence[PendingRequest]) -> None:
        self.desk.calls.do(self, partial(_not_done, kept), self._asked_again)

    def _asked_again(self, failed: list[str]) -> None:
        if failed:
            self.desk.notice.show_words("\n".join(failed), bad=True)
        else:
            self.desk.tell(_("All that was sent before is answered."))

    def _line_stands(self, connected: bool) -> None:
        mark(self.line_state, "role", "good" if connected else "bad")
        server = self.desk.calls.connection.server
        if connected and not self._looked_for_kept:
            self._look_for_kept()
        if connected and self._line_was_down:
            # What was read meanwhile was read in vain.
            self.desk.heard_again()
            self._missed()
        self._line_was_down = not connected
        if connected:
            self.say(self.line_state.setText, marked("● connected to {server}"), server=server)
        else:
            self.say(self.line_state.setText, marked("● looking for the server at {server} …"), server=server)

    def _changed(self, changes: Changes) -> None:
        if RESOURCE_SETTING in changes:
            self.desk.calls.settings_changed()
        for screen in self.screens:
            if screen is self.screen_now or screen.HEARS_HIDDEN:
                screen.changed(changes)
            else:
                screen.stale = True

    def _missed(self) -> None:
        self.desk.calls.settings_changed()
        for screen in self.screens:
            if screen is self.screen_now or screen.HEARS_HIDDEN:
                screen.reload()
            else:
                screen.stale = True

    def _station_scanned(self, scan: Scan) -> None:
        if scan.problem:
            self.desk.notice.show_words(scan_words(scan), bad=True)
        else:
            self.scanned(scan.code)


@dataclass(frozen=True)
class _Kept:
    """Requests that were never answered with when each was sent, and why others cannot be read."""

    requests: list[tuple[PendingRequest, str]]
    unreadable: list[str]


def _kept(shop: Shop) -> _Kept:
    """Those of this user to this server."""
    line = shop.client.connection
    kept = shop.client.journal.look()
    requests = []
    for each in kept.requests:
        if (each.server, each.actor) == (line.server, line.actor):
            sent = Timestamp()
            sent.FromJsonString(each.create_time)
            requests.append((each, shop.time(sent)))
    return _Kept(requests, [os_words(error) for error in kept.unreadable])


def _not_done(kept: Sequence[PendingRequest], shop: Shop) -> list[str]:
    """Asks again, oldest first; why those failed that did."""
    return [
        f"{each.request.note}: {_why_not(each.failed, shop)}"
        for each in ask_again(shop.client, kept)
        if each.failed is not None
    ]


def _why_not(failed: CallFailed | BadInput, shop: Shop) -> str:
    failure = failure_of(failed, shop)
    return f"{failure.words} {kept_words()}" if failure.kept else failure.words


def _entry_words(key: str, screen: Screen) -> str:
    return f"{key}    {_(screen.NAME)}"


class KeysDialog(QDialog, Speaking):
    """The keys that do something."""

    def __init__(self, parent: QWidget, keys: Sequence[tuple[str, str]]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Keys"))
        rows = QGridLayout()
        rows.setHorizontalSpacing(28)
        rows.setVerticalSpacing(9)
        for row, (key, words) in enumerate(keys):
            name, meaning = label("heading"), label()
            name.setText(key)
            meaning.setText(words)
            rows.addWidget(name, row, 0)
            rows.addWidget(meaning, row, 1)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(28, 24, 28, 20)
        inside.setSpacing(18)
        inside.addLayout(rows)
        buttons = QDialogButtonBox()
        close = buttons.addButton(_("Close"), QDialogButtonBox.ButtonRole.RejectRole)
        close.setDefault(True)
        buttons.rejected.connect(self.reject)
        inside.addWidget(buttons)
