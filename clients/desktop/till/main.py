"""`kasir till-desktop`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.common.commands import Actor, Server, TlsCa, TlsCert, TlsKey, epilog, plain_failures
from clients.common.connection import DEFAULT_SERVER, Connection, connection
from clients.common.output import Output
from clients.common.problems import BadInput
from clients.common.qris import checked
from clients.common.station import station_address
from clients.desktop.command import Station, window_app
from clients.till.group import TillOption

if TYPE_CHECKING:
    from clients.desktop.settings import LocalSettings

app = window_app("till-desktop")


@app.command(
    epilog=epilog(
        [
            "kasir till-desktop",
            "kasir till-desktop --till KASIR-1 --server toko:50051 --tls-ca toko.pem",
            "kasir till-desktop --customer-screen --qris qris.txt",
        ]
    )
)
def till_desktop(
    server: Server = DEFAULT_SERVER,
    actor: Actor = "",
    tls_ca: TlsCa = "",
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    station: Station = "",
    till: TillOption = "",
    customer_screen: Annotated[
        bool,
        typer.Option(
            "--customer-screen",
            envvar="KASIR_CUSTOMER_SCREEN",
            help="A second window, for the screen that the customer sees: the cart, and how to pay.",
        ),
    ] = False,
    qris: Annotated[
        Path | None,
        typer.Option(
            envvar="KASIR_QRIS",
            metavar="FILE",
            help="The text of the shop's own QRIS code: on the customer's screen it asks for the amount.",
        ),
    ] = None,
) -> None:
    """The till in a window, with the line to the server or without. F1 there lists the keys."""
    with plain_failures(Output(as_json=False)):
        line = connection(server, actor or None, tls_ca or None, tls_cert, tls_key)
        at = station_address(station)
        code = _qris(qris) if qris is not None else ""
        # Qt is read only when a window is wanted.
        from clients.desktop.app import run  # noqa: PLC0415
        from clients.desktop.till.window import TillWindow  # noqa: PLC0415

        def window(settings: "LocalSettings", found: Connection) -> TillWindow:
            shows = customer_screen or bool(code)
            return TillWindow(found, settings, at, till, customer_screen=shows, qris=code)

        raise typer.Exit(run("till-desktop", line, window, alone=True))


def _qris(path: Path) -> str:
    """The shop's code. Raises BadInput."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise BadInput("{path} cannot be read: {error}", path=path, error=error) from error
    return checked(text)
