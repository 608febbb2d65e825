"""Tells the server how the devices are: when something changes, and every ten seconds."""

import threading
from collections.abc import Mapping, Sequence

from clients.common.client import Client
from clients.common.problems import CallFailed
from hardware.agent.board import Board, Shown
from hardware.agent.config import ESCPOS, PrinterConfig
from hardware.agent.ledger import RETRY_S, Answering
from hardware.agent.waiting import Takes, Waiting
from hardware.devices import Condition
from kasir.v1.hardware_pb2 import (
    DEVICE_KIND_LABEL_PRINTER,
    DEVICE_KIND_RECEIPT_PRINTER,
    Device,
    DeviceKind,
    DeviceState,
    ReportDeviceStatesRequest,
    ReportDeviceStatesResponse,
)

REPEAT_S = 10.0
# Changes that follow closely are told together.
PACE_S = 0.1
_DETAIL_LENGTH_MAX = 200


class Reporter(threading.Thread):
    """The thread that says it. A server that is gone is told when it is back."""

    def __init__(
        self,
        agent: str,
        client: Client,
        board: Board,
        jobs: Waiting,
        printers: Sequence[tuple[PrinterConfig, Takes]],
        others: Mapping[str, DeviceKind.ValueType],
        stopping: threading.Event,
        answering: Answering,
    ) -> None:
        super().__init__(name="device states", daemon=True)
        self._agent = agent
        self._client = client
        self._board = board
        self._jobs = jobs
        self._printers = {config.name: (config, takes) for config, takes in printers}
        self._others = others
        self._stopping = stopping
        self._answering = answering

    def run(self) -> None:
        """The thread. What the server refuses is said again like all else: it may be of a newer version."""
        seen = 0
        while not self._stopping.is_set():
            pause_s = REPEAT_S if self.say() else RETRY_S
            seen = self._board.await_change(seen, pause_s)
            self._stopping.wait(PACE_S)

    def say(self) -> bool:
        """Tells how all is now; whether the server heard it."""
        devices = [self._device(shown) for shown in self._board.all()]
        return self._told(ReportDeviceStatesRequest(agent=self._agent, devices=devices))

    def leave(self) -> bool:
        """Takes the agent off the list."""
        return self._told(ReportDeviceStatesRequest(agent=self._agent))

    def _told(self, request: ReportDeviceStatesRequest) -> bool:
        try:
            self._client.call(request, ReportDeviceStatesResponse)
        except CallFailed as failed:
            self._answering.failed(failed)
            return False
        self._answering.answered()
        return True

    def _device(self, shown: Shown) -> Device:
        device = Device(
            name=shown.name,
            state=state_of(shown.status.condition),
            detail=shown.status.detail[:_DETAIL_LENGTH_MAX],
        )
        device.since_time.FromMilliseconds(round(shown.since * 1000))
        device.seen_time.FromMilliseconds(round(shown.seen * 1000))
        if shown.name in self._printers:
            self._as_printer(device, shown)
        else:
            device.kind = self._others[shown.name]
        return device

    def _as_printer(self, device: Device, shown: Shown) -> None:
        """Adds what only printers have."""
        config, takes = self._printers[shown.name]
        is_receipt = config.language == ESCPOS
        device.kind = DEVICE_KIND_RECEIPT_PRINTER if is_receipt else DEVICE_KIND_LABEL_PRINTER
        device.paper_low = shown.status.paper_low
        device.document_kinds.extend(sorted(config.kind_numbers))  # type: ignore[arg-type]
        device.location_id = takes.location_id or 0
        device.waiting_jobs = self._jobs.count(takes)
        device.print_job_id = shown.job_id
        device.printed = shown.printed
        is_open = config.drawer.is_open(shown.status) if config.drawer else None
        if is_open is not None:
            device.drawer_open = is_open


def state_of(condition: Condition) -> DeviceState.ValueType:
    """A device's condition as the contract has it."""
    return DeviceState.Value(f"DEVICE_STATE_{condition.name}")
