"""`kasir till-desktop`."""

import typer

from clients.common.commands import Actor, Server, TlsCa, TlsCert, TlsKey, epilog, plain_failures
from clients.common.connection import DEFAULT_SERVER, connection
from clients.common.output import Output
from clients.common.station import station_address
from clients.desktop.command import Station, window_app
from clients.till.group import TillOption

app = window_app("till-desktop")


@app.command(
    epilog=epilog(
        ["kasir till-desktop", "kasir till-desktop --till KASIR-1 --server toko:50051 --tls-ca toko.pem"]
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
) -> None:
    """The till in a window, with the line to the server or without. F1 there lists the keys."""
    with plain_failures(Output(as_json=False)):
        line = connection(server, actor or None, tls_ca or None, tls_cert, tls_key)
        at = station_address(station)
        # Qt is read only when a window is wanted.
        from clients.desktop.app import run  # noqa: PLC0415
        from clients.desktop.till.window import TillWindow  # noqa: PLC0415

        raise typer.Exit(run("till-desktop", lambda settings: TillWindow(line, settings, at, till)))
