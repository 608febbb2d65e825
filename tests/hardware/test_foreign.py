"""Programs that are not ours: a foreign client prints to the simulated printer, and CUPS stands between the
agent and a printer.

Goal: the simulator is honest, and what goes through CUPS comes out unchanged. Method: npm's receiptio and a
private cupsd, each over loopback.
"""

import os
import shutil
import socketserver
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.devices import Condition, Outcome
from hardware.drivers import places
from hardware.drivers.cups import CupsPrinter
from hardware.drivers.escpos import Waits
from hardware.paper import address_label
from hardware.simulators.escpos_printer import EscposSimulator
from hardware.simulators.interpreter import Code, Cut, TextLine
from hardware.simulators.lines import TcpLine
from hardware.simulators.picture import png
from hardware.simulators.zpl_printer import ZplSimulator
from tests.conftest import PATIENCE_S
from tests.hardware.printing_shop import PRINTED, config_text
from tests.hardware.test_labels import label_all, labels, parcels, sold
from tests.hardware.test_manifest import handed_over, manifests
from tests.paper import samples
from tests.paper.reading import codes, page_texts, pages, picture
from tests.server.support import Shop, until

pytestmark = pytest.mark.hardware
NODE = Path(__file__).parent / "node"
# receiptio knows one port only: an address of its own makes it free.
OWN_ADDRESS = "127.91.0.1"
RECEIPT = """^^^TOKO KASIR

Kopi Luwak | 1| 25.000
Teh | 2| 10.000
---
^TOTAL | ^35.000
{c:A1234567890;o:code128,96,2,hri}

{c:KASIR-1;o:qrcode,4,L}
"""


@pytest.fixture(scope="session")
def receiptio() -> list[str]:
    """The command of npm's receiptio."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if not (NODE / "node_modules").exists():
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund"]
        fetched = subprocess.run(
            command, cwd=NODE, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        if fetched.returncode != 0:
            pytest.skip(f"receiptio cannot be fetched: {fetched.stderr.strip()}")
    return ["node", str(NODE / "node_modules" / "receiptio" / "bin" / "cli.js")]


def run(command: list[str], *options: str, text: str = "") -> str:
    done = subprocess.run(
        [*command, *options], input=text, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    return (done.stdout + done.stderr).strip()


def test_a_foreign_client_finds_the_printer_online_and_prints(receiptio):
    printer = EscposSimulator()
    with TcpLine(printer, 9100, OWN_ADDRESS):
        assert run(receiptio, "-d", OWN_ADDRESS, "-q") == "online"
        assert run(receiptio, "-d", OWN_ADDRESS, "-q", "drawer") == "draweropen"
        assert run(receiptio, "-d", OWN_ADDRESS, "-l", "en", text=RECEIPT) == "success"
        for state, word in [("cover_open", "coveropen"), ("paper_out", "paperempty")]:
            with printer.changing() as changing:
                setattr(changing, state, True)
            assert run(receiptio, "-d", OWN_ADDRESS, "-q") == word
            printer.recover()
    # It asks in Star's language, too (ESC ACK SOH).
    assert set(printer.complaints) == {"1b 06", "01"}
    (slip,) = printer.slips
    lines = [" ".join(item.text.split()) for item in slip if isinstance(item, TextLine)]
    assert "TOKO KASIR" in lines
    assert "Kopi Luwak 1 25.000" in lines
    assert "TOTAL 35.000" in lines
    assert [item.kind for item in slip if isinstance(item, Code)] == ["73"]
    assert isinstance(slip[-1], Cut)
    found = {text for _, text in codes(picture(png(slip)))}
    assert found == {"A1234567890", "KASIR-1"}


@pytest.fixture
def cups() -> Iterator[str]:
    """A private cupsd on loopback; its host:port."""
    if shutil.which("cupsd") is None or shutil.which("ipptool") is None:
        pytest.skip("CUPS is not installed")
    folder = Path(tempfile.mkdtemp(prefix="kasir-cups-"))
    for name in ("root", "spool", "cache", "run", "tmp"):
        (folder / name).mkdir()
    socket_path = folder / "run" / "cups.sock"
    with TcpLine(EscposSimulator()) as free:
        address = free.address
    (folder / "root" / "cupsd.conf").write_text(
        f"Listen {address}\nListen {socket_path}\nLogLevel warn\nWebInterface No\nBrowsing No\n"
        "DefaultAuthType None\n<Location />\nOrder allow,deny\nAllow from 127.0.0.1\n</Location>\n"
        "<Policy default>\n<Limit All>\nOrder allow,deny\nAllow from 127.0.0.1\n</Limit>\n</Policy>\n"
    )
    (folder / "root" / "cups-files.conf").write_text(
        f"ServerRoot {folder}/root\nRequestRoot {folder}/spool\nCacheDir {folder}/cache\n"
        f"StateDir {folder}/run\nTempDir {folder}/tmp\nAccessLog {folder}/access\nErrorLog {folder}/error\n"
        "ServerBin /usr/lib/cups\nDataDir /usr/share/cups\nUser lp\nGroup lp\nSystemGroup root\n"
    )
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        shutil.chown(path, "lp", "lp")
    shutil.chown(folder, "lp", "lp")
    files = ["-c", f"{folder}/root/cupsd.conf", "-s", f"{folder}/root/cups-files.conf"]
    server = subprocess.Popen(["cupsd", "-f", *files])
    try:
        yield address
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
        shutil.rmtree(folder)


def raw_queue(cups: str, name: str, printer: "TcpLine | Office") -> None:
    """Makes a queue that passes bytes on."""
    environment = {**os.environ, "CUPS_SERVER": cups}
    command = ["lpadmin", "-p", name, "-v", f"socket://{printer.address}", "-E", "-m", "raw"]
    until(
        lambda: subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0,
        "the queue",
    )


def test_a_queue_delivers_our_label_bytes_unchanged(cups):
    printer = ZplSimulator()
    label = address_label(samples.parcel(), samples.order(), samples.shop(), samples.courier()).zpl()
    with TcpLine(printer) as line:
        raw_queue(cups, "labels", line)
        place = places.parse(f"cups://{cups}/labels")
        assert isinstance(place, places.Cups)
        opened = CupsPrinter(place.uri, Waits()).open()
        assert opened.status().ready
        opened.send(label, lambda _status: None)
        assert opened.confirm(1, lambda _status: None).outcome is Outcome.PRINTED
        until(lambda: len(printer.labels) == 1, "the label")
        assert printer.labels == [label]
    nobody = CupsPrinter(f"ipp://{cups}/printers/nobody", Waits(answer_s=0.5)).open()
    assert nobody.status().condition is Condition.UNREACHABLE


def test_the_agent_prints_through_a_queue(channel, cups, start_agent):
    printer = ZplSimulator()
    shop = Shop(channel)
    with TcpLine(printer) as line:
        raw_queue(cups, "labels", line)
        start_agent(
            config_text(
                "labels", "", line=f"cups://{cups}/labels", language="zpl", documents=["address-label"]
            )
        )
        orders = sold(shop, 3)
        label_all(shop)
        until(lambda: [job.state for job in labels(channel)] == [PRINTED] * 3, "all labels")
        until(lambda: parcels(printer) == list(map(str, orders)), "in order")


class Office(socketserver.ThreadingTCPServer):
    """A printer that takes whatever comes on its port: one job a connection."""

    daemon_threads = True

    def __init__(self) -> None:
        self.jobs: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Taking)

    @property
    def address(self) -> str:
        """host:port."""
        host, port = self.server_address[:2]
        return f"{host}:{port}"


class _Taking(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        job = self.rfile.read()
        assert isinstance(self.server, Office)
        self.server.jobs.append(job)


def test_an_office_printer_gets_a_manifest_on_a4(channel, cups, start_agent):
    shop = Shop(channel)
    with Office() as office:
        threading.Thread(target=office.serve_forever, daemon=True).start()
        raw_queue(cups, "office", office)
        documents = ["address-label", "pickup-manifest"]
        start_agent(
            config_text("office", "", line=f"cups://{cups}/office", language="pdf", documents=documents)
        )
        handed_over(shop, 2)
        until(lambda: [job.state for job in manifests(channel)] == [PRINTED], "the manifest")
        until(lambda: len(office.jobs) == 1, "the job")
        office.shutdown()
    (text,) = page_texts(office.jobs[0])
    assert "DAFTAR SERAH TERIMA" in text
    assert "AWB-1" in text
    assert "AWB-2" in text


def test_an_office_printer_gets_its_labels_as_pdf(channel, cups, start_agent):
    shop = Shop(channel)
    with Office() as office:
        threading.Thread(target=office.serve_forever, daemon=True).start()
        raw_queue(cups, "office", office)
        start_agent(
            config_text(
                "labels",
                "",
                copies=2,
                line=f"cups://{cups}/office",
                language="pdf",
                documents=["address-label"],
            )
        )
        orders = sold(shop, 2)
        label_all(shop)
        until(lambda: [job.state for job in labels(channel)] == [PRINTED] * 2, "all labels")
        until(lambda: len(office.jobs) == 2, "both jobs")
        office.shutdown()
    for order, job in zip(orders, office.jobs, strict=True):
        assert [("QR Code", str(order)) in codes(page) for page in pages(job)] == [True, True]
