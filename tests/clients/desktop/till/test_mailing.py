"""A window that ends while a receipt is sent by e-mail."""

import shiboken6
from PySide6.QtCore import QObject, QProcess

from clients.common.connection import Connection
from clients.desktop.till.mailing import ReceiptMail


def test_a_window_that_ends_takes_along_what_sends_and_hears_nothing_of_it(qtbot, qapp):
    heard: list[str] = []
    window = QObject()
    mail = ReceiptMail(Connection("127.0.0.1:1", "sari"), window)
    mail.send(1, "sri@example.com", lambda words, _bad: heard.append(words))
    (process,) = mail.findChildren(QProcess)
    assert process.waitForStarted()
    with qtbot.captureExceptions() as failed:
        shiboken6.delete(window)
        qapp.processEvents()
    assert not shiboken6.isValid(process)
    assert (heard, failed) == ([], [])
