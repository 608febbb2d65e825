"""Who is there, asked by a window before it opens.

Goal: a window opens as who has the PIN, or, while the server is away, under the name of somebody who was
logged in here before; and not at all for who gives up. Method: the dialog itself, over a real server.
"""

import os

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from clients.common.connection import Connection
from clients.common.enrolment import Enrolment
from clients.desktop import line as desktop_line
from clients.desktop.line import Line
from clients.desktop.login import LoginDialog, logged_in
from tests.access.conftest import OWNER, OWNER_PIN
from tests.access.test_clients import enrolled, home, log_in

PATIENCE_MS = 30_000

__all__ = ["home"]


@pytest.fixture
def line(guarded, home):
    machine = enrolled(guarded)
    return Connection(guarded.running.target, "device:till-1", enrolment=machine)


def typed(monkeypatch, *tries):
    """Answers dialogs: a name and a PIN for each press of the button, or nothing, which gives up."""
    seen = []

    def answer(dialog):
        seen.append(dialog)
        for name, pin in tries:
            dialog.who.setText(name)
            dialog.pin.setText(pin)
            dialog.enter.click()
        return dialog.result()

    monkeypatch.setattr(LoginDialog, "exec", answer)
    return seen


def test_the_right_pin_opens_the_window_as_who_it_is(qtbot, line, monkeypatch):
    asked = typed(monkeypatch, (OWNER, "wrong-pin"), (OWNER, OWNER_PIN))
    assert logged_in(line).actor == OWNER
    assert asked[0].problem.text()
    assert line.enrolment.session(OWNER) is not None


@pytest.mark.parametrize("tries", [[], [(OWNER, "wrong-pin")], [(OWNER, "")], [("", OWNER_PIN)]])
def test_nothing_else_opens_it(qtbot, line, monkeypatch, tries):
    typed(monkeypatch, *tries)
    assert logged_in(line) is None


def test_who_is_logged_in_already_is_not_asked(qtbot, line, monkeypatch):
    log_in(line.enrolment)
    asked = typed(monkeypatch)
    found = Connection(line.server, OWNER, enrolment=line.enrolment)
    assert logged_in(found) is found
    assert asked == []


def test_a_server_that_keeps_no_watch_asks_nobody(qtbot, monkeypatch):
    asked = typed(monkeypatch)
    plain = Connection("127.0.0.1:1", "sari")
    assert logged_in(plain) is plain
    assert asked == []


def test_without_the_line_only_who_was_here_before_is_taken(qtbot, guarded, line, monkeypatch):
    guarded.user("sari", "cashier")
    log_in(line.enrolment, "sari", "kata-sandi")
    line.enrolment.forget_session("sari")
    guarded.running.stop()
    asked = typed(monkeypatch, ("sarii", "kata-sandi"))
    assert logged_in(line) is None
    assert asked[0].problem.text()
    typed(monkeypatch, ("sari", "kata-sandi"))
    found = logged_in(line)
    assert found.actor == "sari"
    assert Enrolment(line.server).session("sari") is None


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
