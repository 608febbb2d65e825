"""`kasir warehouse-desktop`."""

from typing import Annotated

import typer

from clients.common.commands import Actor, Server, TlsCa, TlsCert, TlsKey, epilog, plain_failures
from clients.common.connection import DEFAULT_SERVER, Connection, connection
from clients.common.output import Output
from clients.common.station import station_address
from clients.desktop.command import Station, window_app

app = window_app("warehouse-desktop")

Location = Annotated[
    str,
    typer.Option(
        "--location",
        envvar="KASIR_WAREHOUSE",
        metavar="CODE",
        help="Whose goods; else what was chosen in the window last, else the first warehouse.",
    ),
]


@app.command(
    epilog=epilog(
        ["kasir warehouse-desktop", "kasir warehouse-desktop --location GUDANG --server kasir.toko:50051"]
    )
)
def warehouse_desktop(
    server: Server = DEFAULT_SERVER,
    actor: Actor = "",
    tls_ca: TlsCa = "",
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    station: Station = "",
    location: Location = "",
) -> None:
    """The warehouse in a window: what desks ask for, returns, deliveries, counts. F1 there lists the keys."""
    with plain_failures(Output(as_json=False)):
        line = connection(server, actor or None, tls_ca or None, tls_cert, tls_key)
        at = station_address(station)
        # Qt is read only when a window is wanted.
        from clients.desktop.app import run  # noqa: PLC0415
        from clients.desktop.settings import LocalSettings  # noqa: PLC0415
        from clients.desktop.warehouse.window import WarehouseWindow  # noqa: PLC0415

        def window(settings: LocalSettings, found: Connection) -> WarehouseWindow:
            return WarehouseWindow(found, settings, at, location)

        raise typer.Exit(run("warehouse-desktop", line, window))
