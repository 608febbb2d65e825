"""Statements on their way to the server: how far each is, what it brought, why it was refused."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from clients.common.bank import STATEMENT_BYTES_MAX
from clients.desktop.calls import Calls, Failure
from clients.desktop.cs.bank_calls import Imported, send
from clients.desktop.os_words import os_words
from clients.desktop.parts import SPACE, button, label, mark
from clients.desktop.texts import Speaking, _, marked
from kasir.v1.reconciliation_pb2 import RefusedRow

# So many of the rows that were not taken are listed.
ROWS_SHOWN_MAX = 6


@dataclass(frozen=True)
class _Statement:
    file: Path
    account_id: int
    allow_broken: bool = False


class Imports(Speaking, QFrame):
    """Takes files, sends one after the other, and tells of the last one until it is closed."""

    # A statement was taken
    imported = Signal(object)
    _went_out = Signal(int, int)

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls
        self._waiting: deque[_Statement] = deque()
        self._now: _Statement | None = None
        self.setProperty("role", "panel")
        self.title = label("heading", wraps=True)
        self.words = label("", wraps=True)
        # The files before this one that were refused
        self.before = label("bad", wraps=True)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.anyway = button("danger", self._send_broken)
        self.say(self.anyway.setText, marked("Import it although it does not add up"))
        self.shut = button("", self.close_card)
        self.say(self.shut.setText, marked("Close  (Esc)"))
        beside = QHBoxLayout()
        beside.setSpacing(SPACE)
        beside.addWidget(self.title, 1)
        beside.addWidget(self.anyway)
        beside.addWidget(self.shut)
        inside = QVBoxLayout(self)
        inside.setContentsMargins(16, 10, 12, 12)
        inside.setSpacing(6)
        inside.addWidget(self.before)
        inside.addLayout(beside)
        inside.addWidget(self.words)
        inside.addWidget(self.bar)
        self._went_out.connect(self._progress)
        self.hide()

    @property
    def under_way(self) -> bool:
        """Whether a statement is being sent."""
        return self._now is not None

    def take(self, files: Sequence[Path], account_id: int) -> None:
        """Imports files, all of one account; 0: as each of them says."""
        if self._now is None:
            self.before.clear()
            self.before.hide()
        self._waiting.extend(_Statement(file, account_id) for file in files)
        if self._now is None:
            self._next()

    def close_card(self) -> None:
        """Has been read."""
        if self._now is None:
            self.hide()

    def _next(self) -> None:
        if not self._waiting:
            self._now = None
            return
        self._now = now = self._waiting.popleft()
        self._show(now.file.name, _("Sending …"), bad=None)
        if (why := _unusable(now.file)) is not None:
            self._failed(Failure(why))
            return
        self.bar.setRange(0, 0)
        self.bar.show()
        told = self._went_out.emit
        work = partial(send, now.file, now.account_id, now.allow_broken, told)
        self._calls.carry(self, work, self._done, self._failed)

    def _progress(self, sent: int, pieces: int) -> None:
        if self._now is None:
            return
        read = sent >= pieces
        self.bar.setRange(0, 0 if read else pieces)
        self.bar.setValue(sent)
        words = _("All is sent; the server reads it …") if read else _("Sending …")
        waiting = _("{count} more wait").format(count=len(self._waiting)) if self._waiting else ""
        self.words.setText(f"{words}  {waiting}".strip())

    def _done(self, done: Imported) -> None:
        assert self._now is not None
        self._show(
            _("{file}: {account}").format(file=self._now.file.name, account=done.account), "", bad=False
        )
        self.words.setText("\n".join(_told(done)))
        self._now = None
        self.imported.emit(done)
        self._next()

    def _failed(self, failure: Failure) -> None:
        assert self._now is not None
        words = failure.words
        if failure.unheard:
            words += " " + _("Send the file again: rows that were imported are not imported twice.")
        self._show(_("{file} was not imported").format(file=self._now.file.name), words, bad=True)
        self._broken = self._now
        self.anyway.setVisible(failure.reason == "STATEMENT_BROKEN")
        self._now = None
        if self._waiting:
            said = f"{self.title.text()}: {words}"
            self.before.setText("\n".join(filter(None, (self.before.text(), said))))
            self.before.show()
            self._next()

    def _send_broken(self) -> None:
        self._waiting.appendleft(_Statement(self._broken.file, self._broken.account_id, allow_broken=True))
        if self._now is None:
            self._next()

    def _show(self, title: str, words: str, *, bad: bool | None) -> None:
        self.title.setText(title)
        self.words.setText(words)
        mark(self, "bad", "" if bad is None else "true" if bad else "false")
        self.bar.hide()
        self.anyway.hide()
        self.shut.setVisible(bad is not None)
        self.show()


def _unusable(file: Path) -> str | None:
    """Why a file cannot even be sent."""
    try:
        size = file.stat().st_size
        with file.open("rb"):
            pass
    except OSError as error:
        return os_words(error)
    if not size:
        return _("The file is empty.")
    if size > STATEMENT_BYTES_MAX:
        return _("The file is larger than 1 GiB. Download a shorter period.")
    return None


def _told(done: Imported) -> list[str]:
    reply = done.reply
    if reply.file_known:
        return [_("This file was imported before: nothing was taken.")]
    lines = [
        _("{rows} rows read: {new} new, {known} known already.").format(
            rows=reply.rows, new=reply.new_rows, known=reply.known_rows
        )
    ]
    if reply.pending_rows:
        lines.append(
            _("{count} of the new ones are not posted by the bank yet.").format(count=reply.pending_rows)
        )
    if reply.posted_rows:
        lines.append(_("{count} that were pending are posted now.").format(count=reply.posted_rows))
    if reply.refused_count:
        lines.append(_("{count} rows were not taken:").format(count=reply.refused_count))
        lines += [f"    {_row(each)}: {each.reason}" for each in reply.refused_rows[:ROWS_SHOWN_MAX]]
        if reply.refused_count > ROWS_SHOWN_MAX:
            lines.append("    …")
    if done.matched is not None:
        lines.append(
            _(
                "The matcher is sure of {auto}; {suggested} are to be looked at, {unmatched} have no match."
            ).format(
                auto=done.matched.auto, suggested=done.matched.suggested, unmatched=done.matched.unmatched
            )
        )
    return lines


def _row(refused: RefusedRow) -> str:
    return _("row {number}").format(number=refused.row) if refused.row else _("the file")


class DropSheet(QFrame):
    """Covers the window while a file is held over it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setProperty("role", "drop")
        self.words = label("title")
        inside = QHBoxLayout(self)
        inside.addStretch()
        inside.addWidget(self.words)
        inside.addStretch()
        self.hide()

    def cover(self, widget: QWidget) -> None:
        """Shows it over all of a widget."""
        self.words.setText(_("Let go: the bank statement is imported"))
        self.setGeometry(widget.rect().adjusted(12, 12, -12, -12))
        self.raise_()
        self.show()
