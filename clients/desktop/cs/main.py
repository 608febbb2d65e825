"""`kasir cs-desktop`."""

import typer

from clients.common.commands import Actor, Server, TlsCa, TlsCert, TlsKey, epilog, plain_failures
from clients.common.connection import DEFAULT_SERVER, connection
from clients.common.output import Output
from clients.common.station import station_address
from clients.desktop.command import Station, window_app

app = window_app("cs-desktop")


@app.command(
    epilog=epilog(["kasir cs-desktop", "kasir cs-desktop --server kasir.toko:50051 --tls-ca toko.pem"])
)
def cs_desktop(
    server: Server = DEFAULT_SERVER,
    actor: Actor = "",
    tls_ca: TlsCa = "",
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    station: Station = "",
) -> None:
    """The customer service desk in a window: find, book, orders. F1 there lists the keys."""
    with plain_failures(Output(as_json=False)):
        line = connection(server, actor or None, tls_ca or None, tls_cert, tls_key)
        at = station_address(station)
        # Qt is read only when a window is wanted.
        from clients.desktop.app import run  # noqa: PLC0415
        from clients.desktop.cs.window import CsWindow  # noqa: PLC0415

        raise typer.Exit(run("cs-desktop", line, lambda settings, found: CsWindow(found, settings, at)))
