"""Devices and their states: what agents say is what clients see.

Goal: a client sees each device as its agent saw it last, and that an agent fell silent. Method: the real
server; time is turned forward where half a minute would have to pass.
"""

import asyncio

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from engine import EngineError
from kasir.v1 import hardware_pb2, hardware_pb2_grpc
from server.calls import Call
from server.devices import AGENTS_MAX, SILENT_S, Devices
from server.journal import JournalClock
from tests.server.support import TIMEOUT_S, refusal, take

READY = hardware_pb2.DEVICE_STATE_READY
PAPER_OUT = hardware_pb2.DEVICE_STATE_PAPER_OUT
SILENT = hardware_pb2.DEVICE_STATE_AGENT_SILENT


@pytest.fixture
def hardware(channel):
    return hardware_pb2_grpc.HardwareServiceStub(channel)


def device(name="slips", state=READY, **fields):
    return hardware_pb2.Device(
        name=name, kind=hardware_pb2.DEVICE_KIND_RECEIPT_PRINTER, state=state, **fields
    )


def report(agent="desk", *devices):
    return hardware_pb2.ReportDeviceStatesRequest(agent=agent, devices=devices)


def listed(hardware):
    found = hardware.ListDevices(hardware_pb2.ListDevicesRequest(), timeout=TIMEOUT_S).devices
    return [(each.agent, each.name, each.state) for each in found]


def test_what_an_agent_says_replaces_what_it_said_before(hardware):
    hardware.ReportDeviceStates(report("desk", device("slips"), device("labels", PAPER_OUT)))
    hardware.ReportDeviceStates(report("back", device("slips")))
    assert listed(hardware) == [
        ("back", "slips", READY),
        ("desk", "labels", PAPER_OUT),
        ("desk", "slips", READY),
    ]
    hardware.ReportDeviceStates(report("desk", device("slips", PAPER_OUT)))
    assert listed(hardware) == [("back", "slips", READY), ("desk", "slips", PAPER_OUT)]
    hardware.ReportDeviceStates(report("desk"))
    assert listed(hardware) == [("back", "slips", READY)]


def test_a_watcher_sees_all_then_what_changes_and_nothing_else(hardware):
    hardware.ReportDeviceStates(report("desk", device("slips"), device("labels")))
    stream = hardware.WatchDevices(hardware_pb2.WatchDevicesRequest(), timeout=TIMEOUT_S)
    assert {each.device.name for each in take(stream, 2, lambda each: each.HasField("device"))} == {
        "slips",
        "labels",
    }
    # That a device was seen again is no news.
    hardware.ReportDeviceStates(
        report("desk", device("slips", seen_time=Timestamp(seconds=5)), device("labels"))
    )
    hardware.ReportDeviceStates(report("desk", device("slips", PAPER_OUT), device("labels")))
    hardware.ReportDeviceStates(report("desk", device("labels")))
    changed, gone = take(stream, 2, lambda each: each.HasField("device"))
    assert (changed.device.name, changed.device.state, changed.gone) == ("slips", PAPER_OUT, False)
    assert (gone.device.name, gone.gone) == ("slips", True)
    stream.cancel()


def test_a_stream_ends_when_the_server_stops(hardware, server):
    stream = hardware.WatchDevices(hardware_pb2.WatchDevicesRequest(), timeout=TIMEOUT_S)
    next(stream)
    server.stop()
    assert refusal(lambda **_: stream).reason == "SERVER_STOPPING"


@pytest.mark.parametrize(
    ("wrong", "reason", "field"),
    [
        (report("", device()), "FIELD_REQUIRED", "agent"),
        (report("a" * 61, device()), "FIELD_TOO_LONG", "agent"),
        (report("desk", device("")), "FIELD_REQUIRED", "devices[0].name"),
        (report("desk", device("n" * 61)), "FIELD_TOO_LONG", "devices[0].name"),
        (report("desk", device(detail="d" * 201)), "FIELD_TOO_LONG", "devices[0].detail"),
        (report("desk", device(), device(state=0)), "FIELD_OUT_OF_RANGE", "devices[1].state"),
        (report("desk", device(state=SILENT)), "FIELD_OUT_OF_RANGE", "devices[0].state"),
        (report("desk", hardware_pb2.Device(name="a", state=READY)), "FIELD_OUT_OF_RANGE", "devices[0].kind"),
        (report("desk", *[device()] * 101), "TOO_MANY_ELEMENTS", "devices"),
        (report("desk", device(document_kinds=[1] * 11)), "TOO_MANY_ELEMENTS", "devices[0].document_kinds"),
    ],
)
def test_what_is_out_of_bounds_is_refused_and_changes_nothing(hardware, wrong, reason, field):
    refused = refusal(hardware.ReportDeviceStates, wrong)
    assert (refused.code, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refused.details["field"] == field
    assert listed(hardware) == []


def test_a_page_of_devices_that_there_is_not(hardware):
    for wrong, reason in ({"page_size": -1}, "FIELD_OUT_OF_RANGE"), ({"page_token": "x"}, "FIELD_MALFORMED"):
        refused = refusal(hardware.ListDevices, hardware_pb2.ListDevicesRequest(**wrong))
        assert refused.reason == reason


def test_an_agent_that_falls_silent_is_shown_as_such_and_gives_way_to_a_new_one(engine):
    async def story() -> None:
        now = 1_000.0
        devices = Devices(JournalClock(engine), 5.0, lambda: now)

        async def say(agent: str) -> None:
            await devices.report(Call("", ""), report(agent, device()).SerializeToString())

        async def states() -> dict[str, int]:
            reply = await devices.list_all(Call("", ""), b"")
            return {
                each.agent: each.state for each in hardware_pb2.ListDevicesResponse.FromString(reply).devices
            }

        await say("first")
        now += 1
        for number in range(1, AGENTS_MAX):
            await say(f"agent {number}")
        with pytest.raises(EngineError) as refused:
            await say("one more")
        assert refused.value.reason == "TOO_MANY_AGENTS"
        now += SILENT_S
        assert [agent for agent, state in (await states()).items() if state == SILENT] == ["first"]
        await say("one more")
        assert "first" not in await states()
        assert len(await states()) == AGENTS_MAX

    asyncio.run(story())
