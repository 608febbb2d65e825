"""Receipts by e-mail: `kasir print receipt` beside the window, which makes and sends them."""

import os
import sys
from collections.abc import Callable

from PySide6.QtCore import QObject, QProcess

from clients.common.connection import Connection
from clients.desktop.texts import _

# What the command reads its mail server from; without it nothing is offered.
VARIABLE = "KASIR_SMTP"

Told = Callable[[str, bool], None]


class ReceiptMail(QObject):
    """Sends the receipts of sales that the server has."""

    def __init__(self, connection: Connection, parent: QObject) -> None:
        super().__init__(parent)
        # As whom
        self.connection = connection

    @property
    def is_set_up(self) -> bool:
        """Whether a mail server was named."""
        return bool(os.environ.get(VARIABLE))

    def send(self, sale_id: int, address: str, told: Told) -> None:
        """Sends one. `told` hears what became of it, and whether that is bad."""
        line = self.connection
        words = ["-m", "kasir.cli", "print", "receipt", str(sale_id), "--mail", address]
        words += ["--server", line.server, "--as", line.actor]
        for name, value in (("--tls-ca", line.tls_ca), ("--cert", line.tls_cert), ("--key", line.tls_key)):
            if value is not None:
                words += [name, str(value)]
        sending = _Sending(address, told, self)
        sending.process.start(sys.executable, words)


class _Sending(QObject):
    """One on its way. The window takes it along when it ends, which kills the program and is no news then: Qt
    takes the slots of an object off before its children end.
    """

    def __init__(self, address: str, told: Told, parent: QObject) -> None:
        super().__init__(parent)
        self._address, self._told = address, told
        self.process = QProcess(self)
        self.process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self.process.finished.connect(self._finished)
        self.process.errorOccurred.connect(self._broke)

    def _finished(self, status: int, _how: QProcess.ExitStatus) -> None:
        said = bytes(self.process.readAll().data()).decode(errors="replace").strip()
        self.deleteLater()
        if status:
            self._told(said or _("The receipt was not sent."), True)
        else:
            self._told(_("The receipt is on its way to {address}.").format(address=self._address), False)

    def _broke(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._told(self.process.errorString(), True)
            self.deleteLater()
