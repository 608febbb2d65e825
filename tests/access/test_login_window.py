"""Who is there, asked by a window before it opens.

Goal: a window opens as who has the PIN, or, while the server is away, in the name of who logged in here last;
and not at all for who gives up. Method: the dialog itself, over a real server.
"""

import os
import threading

import grpc
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt

from clients.common.connection import Connection
from clients.common.enrolment import Enrolment
from clients.common.problems import CallFailed
from clients.desktop import line as desktop_line
from clients.desktop.line import Line
from clients.desktop.login import LoginDialog, logged_in
from tests.access.conftest import OWNER, OWNER_PIN
from tests.access.machines import enrolled, log_in

PATIENCE_MS = 30_000
WAYS_OUT = [
    pytest.param(lambda qtbot, dialog: qtbot.keyClick(dialog, Qt.Key.Key_Escape), id="escape"),
    pytest.param(lambda _qtbot, dialog: dialog.leave.click(), id="button"),
    pytest.param(lambda _qtbot, dialog: dialog.close(), id="close"),
]


@pytest.fixture
def line(guarded, home):
    machine = enrolled(guarded)
    return Connection(guarded.running.target, "device:till-1", enrolment=machine)


def typed(qtbot, monkeypatch, *tries):
    """Answers dialogs: a name and a PIN for each press of the button, or nothing, which gives up."""
    seen = []

    def answer(dialog):
        seen.append(dialog)
        for name, pin in tries:
            dialog.who.setText(name)
            dialog.pin.setText(pin)
            dialog.enter.click()
            qtbot.waitUntil(lambda: dialog.enter.isEnabled() or dialog.result(), timeout=PATIENCE_MS)
        return dialog.result()

    monkeypatch.setattr(LoginDialog, "exec", answer)
    return seen


def test_the_right_pin_opens_the_window_as_who_it_is(qtbot, line, monkeypatch):
    asked = typed(qtbot, monkeypatch, (OWNER, "wrong-pin"), (OWNER, OWNER_PIN))
    assert logged_in(line).actor == OWNER
    assert asked[0].problem.text()
    assert line.enrolment.session(OWNER) is not None


@pytest.mark.parametrize("tries", [[], [(OWNER, "wrong-pin")], [(OWNER, "")], [("", OWNER_PIN)]])
def test_nothing_else_opens_it(qtbot, line, monkeypatch, tries):
    typed(qtbot, monkeypatch, *tries)
    assert logged_in(line) is None


def test_who_is_logged_in_already_is_not_asked(qtbot, line, monkeypatch):
    log_in(line.enrolment)
    asked = typed(qtbot, monkeypatch)
    found = Connection(line.server, OWNER, enrolment=line.enrolment)
    assert logged_in(found) is found
    assert asked == []


def test_a_server_that_keeps_no_watch_asks_nobody(qtbot, monkeypatch):
    asked = typed(qtbot, monkeypatch)
    plain = Connection("127.0.0.1:1", "sari")
    assert logged_in(plain) is plain
    assert asked == []


def test_without_the_line_only_who_logged_in_last_is_taken(qtbot, guarded, line, monkeypatch):
    for name in ("budi", "sari"):
        guarded.user(name, "cashier")
        log_in(line.enrolment, name, "kata-sandi")
    line.enrolment.end_session(line.enrolment.session("sari"))
    guarded.running.stop()
    asked = typed(qtbot, monkeypatch, ("budi", "kata-sandi"))
    assert logged_in(line, alone=True) is None
    assert "only sari sells here" in asked[0].problem.text()
    asked = typed(qtbot, monkeypatch, ("sari", "kata-sandi"))
    assert logged_in(line, alone=True) is None
    assert "the PIN was not checked" in asked[0].problem.text()
    asked[0].pin.setFocus()
    qtbot.keyClicks(asked[0].pin, "x")
    assert asked[0].enter.text() == "Log in", "another PIN is asked about anew"
    typed(qtbot, monkeypatch, ("sari", "kata-sandi"), ("sari", "kata-sandi"))
    assert logged_in(line, alone=True).actor == "sari"
    assert logged_in(line) is None, "a window that needs the server does not open without it"
    assert Enrolment(line.server).session("sari") is None
    line.enrolment.forget_session("sari")
    asked = typed(qtbot, monkeypatch, ("sari", "kata-sandi"), ("sari", "kata-sandi"))
    assert logged_in(line, alone=True) is None, "who logged out sells no more"
    assert "nobody is logged in here" in asked[0].problem.text()


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN"])
def test_a_server_that_answered_badly_lets_nobody_in(qtbot, line, monkeypatch, code):
    log_in(line.enrolment)
    line.enrolment.forget_session(OWNER)

    def fails(*_words):
        raise CallFailed(grpc.StatusCode[code], "", "", retry_s=1.0)

    monkeypatch.setattr(line.enrolment, "log_in", fails)
    asked = typed(qtbot, monkeypatch, (OWNER, "wrong-pin"), (OWNER, "wrong-pin"))
    assert logged_in(line, alone=True) is None
    assert asked[0].problem.text()


def test_the_window_lives_while_the_server_is_asked(qtbot, line, monkeypatch):
    answers = threading.Event()
    asked = []
    monkeypatch.setattr(line.enrolment, "log_in", lambda *words: asked.append(words) or answers.wait(20))
    dialog = LoginDialog(line, line.enrolment)
    qtbot.addWidget(dialog)
    dialog.who.setText(OWNER)
    dialog.pin.setText(OWNER_PIN)
    dialog.enter.click()
    assert not dialog.enter.isEnabled()
    dialog.enter.click()
    answers.set()
    qtbot.waitUntil(lambda: dialog.result() == LoginDialog.DialogCode.Accepted, timeout=PATIENCE_MS)
    assert len(asked) == 1


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_nobody_leaves_while_the_server_is_asked(qtbot, line, monkeypatch, leave):
    answers = threading.Event()
    monkeypatch.setattr(line.enrolment, "log_in", lambda *_words: answers.wait(20))
    dialog = LoginDialog(line, line.enrolment)
    qtbot.addWidget(dialog)
    dialog.show()
    finished = []
    dialog.finished.connect(finished.append)
    dialog.who.setText(OWNER)
    dialog.pin.setText(OWNER_PIN)
    dialog.enter.click()
    leave(qtbot, dialog)
    assert (finished, dialog.isVisible()) == ([], True)
    assert dialog.problem.text() == "Asking the server …"
    answers.set()
    qtbot.waitUntil(lambda: bool(finished), timeout=PATIENCE_MS)
    assert finished == [LoginDialog.DialogCode.Accepted]


@pytest.mark.parametrize("leave", WAYS_OUT)
def test_who_was_refused_may_leave(qtbot, line, leave):
    dialog = LoginDialog(line, line.enrolment)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.who.setText(OWNER)
    dialog.pin.setText("wrong-pin")
    dialog.enter.click()
    qtbot.waitUntil(dialog.enter.isEnabled, timeout=PATIENCE_MS)
    leave(qtbot, dialog)
    assert dialog.result() == LoginDialog.DialogCode.Rejected
    assert not dialog.isVisible()


def test_a_window_follows_again_once_somebody_is_logged_in(qtbot, guarded, line, monkeypatch):
    monkeypatch.setattr(desktop_line, "REFUSED_PAUSE_S", 0.05)
    session = log_in(line.enrolment)
    followed = Line(Connection(line.server, OWNER, enrolment=line.enrolment))
    told, states = [], []
    followed.refused.connect(told.append)
    followed.stands.connect(states.append)
    line.enrolment.forget_session(OWNER)
    tries = []
    watch = followed._client.watch
    monkeypatch.setattr(followed._client, "watch", lambda *a, **more: tries.append(a) or watch(*a, **more))
    followed.start()
    qtbot.waitUntil(lambda: len(tries) > 2, timeout=PATIENCE_MS)
    assert (len(told), states) == (1, [False])
    line.enrolment.keep_session(session)
    qtbot.waitUntil(lambda: states == [False, True], timeout=PATIENCE_MS)
    assert len(told) == 1
    followed.close()
    assert not followed._thread.is_alive()
