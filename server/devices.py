"""HardwareService: how the devices beside the agents are. Nothing of it is kept: agents repeat themselves."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass

from engine import Code, EngineError
from kasir.v1.hardware_pb2 import (
    DEVICE_STATE_AGENT_SILENT,
    Device,
    DeviceKind,
    DeviceState,
    ListDevicesRequest,
    ListDevicesResponse,
    ReportDeviceStatesRequest,
    ReportDeviceStatesResponse,
    WatchDevicesRequest,
    WatchDevicesResponse,
)
from server.calls import Call, Frame, field_error, parse
from server.journal import JournalClock

METHODS = "/kasir.v1.HardwareService/"
AGENTS_MAX = 100
DEVICES_MAX = 100
KINDS_MAX = 10
NAME_LENGTH_MAX = 60
DETAIL_LENGTH_MAX = 200
# Agents repeat themselves every ten seconds.
SILENT_S = 30.0
# How soon a watcher sees that an agent fell silent, or that the server stops.
_LOOK_S = 0.5


@dataclass(slots=True)
class _Report:
    heard: float
    devices: dict[str, Device]


class Devices:
    """All agents' devices. Lives in the server's event loop."""

    def __init__(
        self, clock: JournalClock, heartbeat_s: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._heartbeat_s = heartbeat_s
        self._now = now
        self._agents: dict[str, _Report] = {}
        self._tick: asyncio.Future[None] | None = None

    async def report(self, _call: Call, request: bytes) -> bytes:
        """HardwareService.ReportDeviceStates."""
        said = parse(ReportDeviceStatesRequest, request)
        _check(said)
        if said.agent not in self._agents and len(self._agents) >= AGENTS_MAX:
            self._forget_one()
        if said.devices:
            devices = {device.name: device for device in said.devices}
            for device in devices.values():
                device.agent = said.agent
            self._agents[said.agent] = _Report(self._now(), devices)
        else:
            self._agents.pop(said.agent, None)
        self._wake()
        return ReportDeviceStatesResponse().SerializeToString()

    async def list_all(self, _call: Call, request: bytes) -> bytes:
        """HardwareService.ListDevices: they all fit one page."""
        wanted = parse(ListDevicesRequest, request)
        if wanted.page_size < 0:
            raise field_error("FIELD_OUT_OF_RANGE", "page_size", "A page has at least one entry.")
        if wanted.page_token:
            raise field_error("FIELD_MALFORMED", "page_token", "There is only one page of devices.")
        return ListDevicesResponse(devices=self.all()).SerializeToString()

    async def watch(self, _call: Call, request: bytes) -> AsyncGenerator[Frame, None]:
        """HardwareService.WatchDevices."""
        parse(WatchDevicesRequest, request)
        sent: dict[tuple[str, str], Device] = {}
        loop = asyncio.get_running_loop()
        quiet_since = 0.0
        while True:
            self._clock.check(0)
            now = {(device.agent, device.name): device for device in self.all()}
            for response in _differences(sent, now):
                yield Frame(response.SerializeToString(), 0)
                quiet_since = loop.time()
            sent = now
            if loop.time() - quiet_since >= self._heartbeat_s:
                yield Frame(WatchDevicesResponse().SerializeToString(), 0)
                quiet_since = loop.time()
            await self._changed()

    def all(self) -> list[Device]:
        """Every device as it is now, by agent and name. May be asked from any thread."""
        found = []
        for _agent, report in sorted(self._agents.items()):
            silent = self._now() - report.heard > SILENT_S
            for name in sorted(report.devices):
                device = Device()
                device.CopyFrom(report.devices[name])
                if silent:
                    device.state = DEVICE_STATE_AGENT_SILENT
                found.append(device)
        return found

    def _forget_one(self) -> None:
        """Makes room by the agent that has been silent for longest. A shop has not so many that speak."""
        oldest = min(self._agents, key=lambda agent: self._agents[agent].heard)
        if self._now() - self._agents[oldest].heard <= SILENT_S:
            raise EngineError(
                Code.RESOURCE_EXHAUSTED,
                "TOO_MANY_AGENTS",
                f"{AGENTS_MAX} agents report their devices already.",
                {"limit": str(AGENTS_MAX), "retry_ms": str(round(SILENT_S * 1000))},
            )
        del self._agents[oldest]

    async def _changed(self) -> None:
        if self._tick is None:
            self._tick = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._tick], timeout=min(_LOOK_S, self._heartbeat_s))

    def _wake(self) -> None:
        tick, self._tick = self._tick, None
        if tick is not None:
            tick.set_result(None)


def _differences(
    before: dict[tuple[str, str], Device], now: dict[tuple[str, str], Device]
) -> Iterator[WatchDevicesResponse]:
    """What a watcher has not seen yet. When a device was heard last is no news."""
    for key, device in now.items():
        if key not in before or _news(before[key]) != _news(device):
            yield WatchDevicesResponse(device=device)
    for key, device in before.items():
        if key not in now:
            yield WatchDevicesResponse(device=device, gone=True)


def _news(device: Device) -> bytes:
    copy = Device()
    copy.CopyFrom(device)
    copy.ClearField("seen_time")
    return copy.SerializeToString(deterministic=True)


def _check(said: ReportDeviceStatesRequest) -> None:
    """Raises EngineError for what is out of bounds."""
    if not said.agent:
        raise field_error("FIELD_REQUIRED", "agent", "An agent that reports has a name.")
    _check_length("agent", said.agent, NAME_LENGTH_MAX)
    if len(said.devices) > DEVICES_MAX:
        raise field_error("TOO_MANY_ELEMENTS", "devices", f"An agent has at most {DEVICES_MAX} devices.")
    for index, device in enumerate(said.devices):
        at = f"devices[{index}]"
        if not device.name:
            raise field_error("FIELD_REQUIRED", f"{at}.name", "A device has a name.")
        _check_length(f"{at}.name", device.name, NAME_LENGTH_MAX)
        _check_length(f"{at}.detail", device.detail, DETAIL_LENGTH_MAX)
        if not device.kind or device.kind not in DeviceKind.values():
            raise field_error("FIELD_OUT_OF_RANGE", f"{at}.kind", f"{device.kind} is no kind of device.")
        if device.state not in _SAID_BY_AGENTS:
            raise field_error("FIELD_OUT_OF_RANGE", f"{at}.state", f"{device.state} is no state of a device.")
        if len(device.document_kinds) > KINDS_MAX:
            raise field_error(
                "TOO_MANY_ELEMENTS",
                f"{at}.document_kinds",
                f"A printer prints at most {KINDS_MAX} kinds of documents.",
            )


def _check_length(field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise field_error("FIELD_TOO_LONG", field, f"{field} has at most {limit} characters.")


_SAID_BY_AGENTS = frozenset(DeviceState.values()) - {0, DEVICE_STATE_AGENT_SILENT}
