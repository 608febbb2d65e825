"""`kasir enrol | login | logout`, and who may call: users, devices, keys and the log of access."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.common.client import Client
from clients.common.commands import (
    EXIT_REFUSED,
    AsJson,
    Server,
    command,
    log_in_at_terminal,
    new_app,
    opened,
    plain_failures,
    tell,
)
from clients.common.connection import CHANNEL_OPTIONS, DEFAULT_SERVER, checked_address
from clients.common.enrolment import Enrolment, enrolment_at
from clients.common.keys import PIN, read_key
from clients.common.output import Output, table
from clients.common.plain_words import by_number, sentence
from clients.common.problems import BadInput, CallFailed
from clients.common.shop import Shop
from kasir.v1 import access_pb2 as pb

TIMEOUT_S = 20.0

users_app = new_app("users", "Who may work: names, roles, locations, PINs.")
devices_app = new_app("devices", "Which machines may call.")
keys_app = new_app("keys", "Keys of other programs.")
log_app = new_app("log", "What was refused, who logged in, who changed what.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, dots and dashes.")]
Roles = Annotated[
    list[str], typer.Option("--role", help="cashier, cs, warehouse, courier, manager or owner.")
]
AgentRoles = Annotated[
    list[str] | None,
    typer.Option("--role", help="What its programs may do by themselves: hardware, courier or messenger."),
]
Places = Annotated[list[str] | None, typer.Option("--at", help="Code of a location; without: everywhere.")]
Place = Annotated[str, typer.Option("--at", help="Code of the location where it stands; without: anywhere.")]
PinFile = Annotated[
    Path | None, typer.Option("--pin-file", help="File with the PIN; without: asked for at the terminal.")
]


def enrol(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The one-time code, as it was told.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Make this machine one of the shop's devices, with the code that somebody in charge made for it.

    \b
    Examples:
      kasir enrol 7636-RFZV-2QXM-KLAB-9TGH-UV3D-8YCE --server kasir.toko:50051
      KASIR_ACCESS=/etc/kasir/printers kasir enrol 7636-RFZV-… --server kasir.toko:50051
    """  # noqa: D301 (\b: what follows keeps its lines)
    output = Output(as_json=as_json)
    with plain_failures(output):
        try:
            device = Enrolment(checked_address(server)).enrol(code, CHANNEL_OPTIONS)
        except CallFailed as failed:
            tell(output, sentence(failed, by_number, server), failed)
            raise typer.Exit(EXIT_REFUSED) from None
        output.say(
            f"This machine is {device.name} at {server}. Now log in: kasir login NAME --server {server}",
            "green",
        )


def login(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Who you are.", show_default=False)] = "",
    server: Server = DEFAULT_SERVER,
    pin_file: PinFile = None,
    as_json: AsJson = False,
) -> None:
    """Log in at this machine. The PIN is asked for; what is called from now on is yours.

    \b
    Examples:
      kasir login sari --server kasir.toko:50051
      kasir login sari --pin-file pin
    """  # noqa: D301 (\b: what follows keeps its lines)
    output = Output(as_json=as_json)
    with plain_failures(output), _at_the_door(output, server) as (enrolment, client):
        if pin_file is not None:
            enrolment.log_in(client.channel, name, read_key(pin_file, PIN))
        elif not log_in_at_terminal(client, name):
            raise typer.Exit(EXIT_REFUSED)
        output.say(f"{enrolment.user} is logged in.", "green")


def logout(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Log out: nothing more is called in your name here, and a till sells nothing while the line is away.

    \b
    Example: kasir logout --server kasir.toko:50051
    """  # noqa: D301 (\b: what follows keeps its lines)
    output = Output(as_json=as_json)
    with plain_failures(output), _at_the_door(output, server) as (enrolment, client):
        user = enrolment.log_out(client.channel)
        output.say(f"{user} is logged out." if user else "Nobody was logged in.")


@contextmanager
def _at_the_door(output: Output, server: str) -> Iterator[tuple[Enrolment, Client]]:
    """What this machine is to the server, and a line to it. Raises BadInput where it was not enrolled."""
    enrolment = enrolment_at(checked_address(server))
    if enrolment is None:
        raise BadInput("This machine is not enrolled at {server}: kasir enrol CODE.", server=server)
    with opened(output, TIMEOUT_S, server, "", "", None, None) as shop:
        yield enrolment, shop.client


# --- Users ---


@command(users_app, "list", ["kasir access users list"])
def list_users(shop: Shop) -> None:
    """All users."""
    reply = shop.call(pb.ListUsersRequest(), pb.ListUsersResponse)
    rows = [
        (
            user.name,
            " ".join(user.roles),
            _codes(shop, user.location_ids),
            "disabled" if user.disabled else "" if user.has_pin else "no PIN yet",
        )
        for user in reply.users
    ]
    columns = ("name", "roles", "at", "login")
    shop.output.emit(reply, lambda: table("Users", columns, rows))


@command(users_app, "add", ["kasir access users add sari --role cashier --at TOKO"])
def add_user(shop: Shop, name: Name, role: Roles, at: Places = None, pin_file: PinFile = None) -> None:
    """Add a user."""
    user = pb.User(name=name, roles=role, location_ids=_ids(shop, at))
    request = pb.CreateUserRequest(user=user, pin=_new_pin(pin_file, f"First PIN of {name}"))
    shop.call(request, pb.CreateUserResponse)
    shop.output.say(f"{name} can log in.", "green")


@command(users_app, "change", ["kasir access users change sari --role cs --role cashier"])
def change_user(
    shop: Shop,
    name: Name,
    role: Roles,
    at: Places = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Cannot log in any more.")] = False,
) -> None:
    """Say anew what a user may do, and where. Ends the user's sessions."""
    user = pb.User(name=name, roles=role, location_ids=_ids(shop, at), disabled=disabled)
    shop.call(pb.UpdateUserRequest(user=user), pb.UpdateUserResponse)
    shop.output.say(f"{name} was changed.", "green")


@command(
    users_app,
    "pin",
    [
        "kasir access users pin",
        "kasir access users pin sari",
        "kasir access users pin --old-pin-file old --pin-file new",
    ],
)
def set_pin(
    shop: Shop,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Whose; without: your own.")] = "",
    pin_file: PinFile = None,
    old_pin_file: Annotated[
        Path | None, typer.Option(help="File with your old PIN; without: asked for at the terminal.")
    ] = None,
) -> None:
    """Set a PIN: your own, or as somebody in charge another's."""
    is_own = name in {"", shop.client.connection.actor}
    old = _pin(old_pin_file, "Your old PIN") if is_own else ""
    request = pb.SetPinRequest(user=name, old_pin=old, pin=_new_pin(pin_file, "New PIN"))
    shop.call(request, pb.SetPinResponse)
    shop.output.say("The PIN is set. Who was logged in with the old one logs in again.", "green")


# --- Devices ---


@command(devices_app, "list", ["kasir access devices list"])
def list_devices(shop: Shop) -> None:
    """All devices."""
    reply = shop.call(pb.ListEnrolledDevicesRequest(), pb.ListEnrolledDevicesResponse)
    rows = [
        (
            device.name,
            _codes(shop, [device.location_id] if device.location_id else []),
            " ".join(device.roles),
            "revoked" if device.revoked else shop.time(device.expire_time),
        )
        for device in reply.devices
    ]
    columns = ("name", "at", "by itself", "until")
    shop.output.emit(reply, lambda: table("Devices", columns, rows))


@command(
    devices_app,
    "code",
    ["kasir access devices code till-1 --at TOKO", "kasir access devices code printers --role hardware"],
)
def make_code(shop: Shop, name: Name, at: Place = "", role: AgentRoles = None) -> None:
    """Make a code with which one machine enrols itself, once, within an hour."""
    place = shop.location(at).location_id if at else 0
    request = pb.CreateEnrolmentCodeRequest(device=name, location_id=place, roles=role or [])
    made = shop.call(request, pb.CreateEnrolmentCodeResponse)
    _secret(
        shop.output, made.code, f"On {name}: kasir enrol {made.code} --server {shop.client.connection.server}"
    )


@command(
    devices_app,
    "revoke",
    ["kasir access devices revoke till-1", "kasir access devices revoke office --yes"],
)
def revoke_device(
    shop: Shop,
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whichever device it is.")] = False,
) -> None:
    """Take a device out, at once, and whoever is logged in there. This machine, and the last one at which
    people log in, only after a yes.
    """
    if not yes and (why := _why_ask(shop, name)):
        _ask(f"{why} Take it out all the same?")
    shop.call(pb.RevokeDeviceRequest(name=name), pb.RevokeDeviceResponse)
    shop.output.say(f"{name} is out.", "green")


def _why_ask(shop: Shop, name: str) -> str:
    """What is lost with a device beside the device; empty: nothing."""
    devices = shop.call(pb.ListEnrolledDevicesRequest(), pb.ListEnrolledDevicesResponse).devices
    left = [each.name for each in devices if not each.revoked and not each.roles]
    if left == [name]:
        return f"{name} is the last device at which people log in: only the server lets one in again."
    enrolment = shop.client.connection.enrolment
    if enrolment is not None and enrolment.device.name == name:
        return f"{name} is this machine: nothing more can be done from here."
    return ""


def _ask(words: str) -> None:
    """Goes on after a yes only. Raises BadInput where nobody can say it."""
    if not sys.stdin.isatty():
        raise BadInput("{words} Say so with --yes.", words=words)
    if not typer.confirm(words, err=True):
        raise typer.Exit(EXIT_REFUSED)


# --- Other programs ---


@command(keys_app, "list", ["kasir access keys list"])
def list_keys(shop: Shop) -> None:
    """All keys."""
    reply = shop.call(pb.ListApiKeysRequest(), pb.ListApiKeysResponse)
    rows = [
        (
            key.name,
            " ".join(key.scopes),
            _codes(shop, key.location_ids),
            key.device,
            "revoked" if key.revoked else shop.time(key.expire_time),
        )
        for key in reply.keys
    ]
    columns = ("name", "scopes", "at", "device", "until")
    shop.output.emit(reply, lambda: table("Keys", columns, rows))


@command(
    keys_app, "create", ["kasir access keys create marketplace --scope bookings.write --scope stock.read"]
)
def create_key(
    shop: Shop,
    name: Name,
    scope: Annotated[list[str], typer.Option(help="What it may do, like bookings.read.")],
    at: Places = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="How long it lasts.")] = 90,
    device: Annotated[str, typer.Option(help="The device it works at only.")] = "",
    per_second: Annotated[int, typer.Option(min=0, help="Calls it may make a second.")] = 0,
) -> None:
    """Make a key for another program. It is shown once."""
    key = pb.ApiKey(
        name=name, scopes=scope, location_ids=_ids(shop, at), device=device, calls_per_second=per_second
    )
    key.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    made = shop.call(pb.CreateApiKeyRequest(key=key), pb.CreateApiKeyResponse)
    _secret(shop.output, made.secret, f"authorization: Bearer {made.secret}")
    shop.output.say(
        f"It is shown this once: keep it now. It lasts until {shop.time(made.key.expire_time)} (--days).",
        "yellow",
    )


@command(keys_app, "revoke", ["kasir access keys revoke marketplace"])
def revoke_key(shop: Shop, name: Name) -> None:
    """Take a key away, at once."""
    shop.call(pb.RevokeApiKeyRequest(name=name), pb.RevokeApiKeyResponse)
    shop.output.say(f"{name} is void.", "green")


# --- The log ---


@log_app.callback()
def _log() -> None:
    """What was refused, who logged in, who changed what."""


@command(log_app, "show", ["kasir access log show", "kasir access log show --limit 500"])
def show_log(
    shop: Shop,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="So many lines, newest first.")] = 50,
) -> None:
    """The newest lines of the log of access."""
    reply = shop.call(pb.ListAuditRequest(page_size=limit), pb.ListAuditResponse)
    rows = [
        (
            str(entry.number),
            shop.time(entry.time),
            entry.kind,
            entry.actor,
            entry.device,
            entry.method.rpartition("/")[2],
            entry.reason,
            str(entry.count),
        )
        for entry in reply.entries
    ]
    columns = ("no.", "time", "what", "who", "device", "method", "why", "times")
    shop.output.emit(reply, lambda: table("Log of access", columns, rows))


def _ids(shop: Shop, codes: Iterable[str] | None) -> list[int]:
    return [shop.location(code).location_id for code in codes or []]


def _codes(shop: Shop, location_ids: Iterable[int]) -> str:
    return " ".join(shop.location_code(each) for each in location_ids) or "everywhere"


def _pin(path: Path | None, words: str, *, twice: bool = False) -> str:
    if path is not None:
        return read_key(path, PIN)
    typed: Any = typer.prompt(words, err=True, hide_input=True, confirmation_prompt=twice)
    return str(typed)


def _new_pin(path: Path | None, words: str) -> str:
    """One that nobody knows yet: what is typed wrong would lock its owner out."""
    return _pin(path, words, twice=True)


def _secret(output: Output, secret: str, words: str) -> None:
    """Tells what is told once: alone on standard output, so that a script can take it."""
    typer.echo(json.dumps({"secret": secret}) if output.as_json else words)
