"""Where a printer is, as it is written in the agent's file: tcp://192.168.1.50:9100,
serial:/dev/ttyUSB0?baud=19200&flow=rtscts, usb:/dev/usb/lp0, cups://127.0.0.1/labels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from hardware.devices import Unreachable
from hardware.drivers import cups, network, usb
from hardware.drivers.line import Descriptor, Line
from hardware.serial_line import BAUD_RATES, FLOWS, LineDownError, LineSettings, open_port, ports

Connect = Callable[[], Line]


@dataclass(frozen=True, slots=True)
class Tcp:
    """A port on the network."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Serial:
    """A serial port. `flow` is rtscts, dsrdtr, xonxoff or none."""

    path: str
    baud: int
    flow: str

    def __str__(self) -> str:
        return f"serial:{self.path}?baud={self.baud}&flow={self.flow}"


@dataclass(frozen=True, slots=True)
class Usb:
    """The device file of a USB printer."""

    path: str

    def __str__(self) -> str:
        return f"usb:{self.path}"


@dataclass(frozen=True, slots=True)
class Cups:
    """A raw queue of CUPS."""

    host: str
    port: int
    queue: str

    def __str__(self) -> str:
        return f"cups://{self.host}:{self.port}/{self.queue}"

    @property
    def uri(self) -> str:
        """The queue in IPP's words."""
        return f"ipp://{self.host}:{self.port}/printers/{self.queue}"


Wired = Tcp | Serial | Usb
Place = Wired | Cups


def parse(text: str) -> Place:
    """Reads a place. Raises ValueError saying what is wrong."""
    if not text.isprintable():
        raise ValueError(f"{text!r} is no line: it holds what is no character.")
    parts = urlsplit(text)
    if parts.port == 0:
        raise ValueError("there is no port 0.")
    options = dict(parse_qsl(parts.query))
    match parts.scheme:
        case "tcp" if parts.hostname:
            return Tcp(parts.hostname, parts.port or network.PORT)
        case "serial" if parts.path:
            baud, flow = options.get("baud", "9600"), options.get("flow", "rtscts")
            if not baud.isdecimal() or int(baud) not in BAUD_RATES:
                raise ValueError(
                    f"there is no baud rate {baud}; there are {', '.join(map(str, BAUD_RATES))}."
                )
            if flow not in FLOWS:
                raise ValueError(f"there is no flow {flow!r}; there are {', '.join(FLOWS)}.")
            return Serial(parts.path, int(baud), flow)
        case "usb" if parts.path:
            return Usb(parts.path)
        case "cups" if parts.path.strip("/"):
            return Cups(parts.hostname or "127.0.0.1", parts.port or cups.PORT, parts.path.strip("/"))
        case _:
            raise ValueError(
                f"{text!r} is no line; write tcp://HOST:PORT, serial:/dev/ttyUSB0?baud=9600, "
                "usb:/dev/usb/lp0 or cups://HOST/QUEUE."
            )


def connect(place: Wired, timeout_s: float) -> Line:
    """Opens the line. Raises Unreachable."""
    match place:
        case Tcp():
            return network.connect(place.host, place.port, timeout_s)
        case Serial():
            return _serial(place)
        case Usb():
            return usb.connect(place.path)


def _serial(place: Serial) -> Line:
    try:
        port = open_port(place.path, LineSettings(place.baud, flow=place.flow))
    except LineDownError as error:
        raise Unreachable(str(error)) from error
    # Closing waits for what is still on its way out, as the system has it set for the port.
    return Descriptor(port.fileno(), port.close)


def attached() -> list[tuple[str, str]]:
    """What hangs on this machine and could be a printer: (line as in the agent's file, what it says)."""
    found = [(f"usb:{path}", usb.identity(path)) for path in usb.devices()]
    found += [(f"serial:{path}", what) for path, what in ports()]
    return found
