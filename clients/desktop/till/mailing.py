"""Receipts by e-mail: `kasir print receipt` beside the window, which makes and sends them."""

import os
import sys
from collections.abc import Callable
from functools import partial

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
        process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.finished.connect(lambda status, _how: self._finished(process, address, told, status))
        process.errorOccurred.connect(partial(self._broke, process, told))
        process.start(sys.executable, words)

    def _finished(self, process: QProcess, address: str, told: Told, status: int) -> None:
        said = bytes(process.readAll().data()).decode(errors="replace").strip()
        process.deleteLater()
        if status:
            told(said or _("The receipt was not sent."), True)
        else:
            told(_("The receipt is on its way to {address}.").format(address=address), False)

    def _broke(self, process: QProcess, told: Told, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            told(process.errorString(), True)
            process.deleteLater()
