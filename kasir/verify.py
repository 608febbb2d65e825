"""`kasir verify`: every invariant over a whole store, of a running server or of a data directory at rest."""

from pathlib import Path
from typing import Annotated

import typer

from clients import admin
from clients.common.commands import Refused, command, new_app
from clients.common.problems import BadInput
from clients.common.shop import Shop
from kasir.v1.admin_pb2 import VerifyStoreResponse

app = new_app("verify", "Check every invariant over the whole store.")


@command(
    app,
    "verify",
    [
        "kasir verify",
        "kasir verify --data ./data",
        "kasir verify --server kasir.toko.id:50051 --tls-ca ca.pem",
    ],
)
def verify(
    shop: Shop,
    data: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A store whose server is stopped; needs no server."),
    ] = None,
) -> None:
    """Check every invariant over the whole store. Ends with status 1 when one is broken.

    A running server checks a snapshot beside its work. With --data the store is opened here instead, so no
    server may have it open.
    """
    if data is None:
        admin.verify(shop)
        return
    # Only here, so that a client without the engine can ask a server.
    from engine import Engine, EngineError  # noqa: PLC0415

    if not any(data.iterdir()):
        raise BadInput(f"{data} is empty: no store lies there.")
    try:
        with Engine.open(data) as store:
            reply = VerifyStoreResponse(**store.verify(replay=True))
    except EngineError as error:
        raise BadInput(f"{data} cannot be opened: {error.message}") from error
    shop.output.emit(reply, lambda: admin.verify_view(reply))
    if not reply.ok:
        raise Refused
