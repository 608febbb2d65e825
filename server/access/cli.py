"""`kasir ca`, and what of `kasir access` is done on the server's machine: who may write there may do it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from server.access.service import AccessControl
    from server.access.store import Store

_HELP = {"help_option_names": ["-h", "--help"]}
ca_app = typer.Typer(
    name="ca",
    help="The shop's own authority: for the server's and the devices' certificates.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)
access_app = typer.Typer(
    name="access",
    help="Who may call: the first owner, users, devices, keys, and the log of access.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)

Directory = Annotated[
    Path, typer.Argument(metavar="DIRECTORY", help="Where the authority is: serve's --access.")
]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="A name or an address that the server is called by. May be repeated."),
]
Data = Annotated[Path, typer.Option("--data", help="Directory of the shop's data.")]
Access = Annotated[Path, typer.Option("--access", help="Directory of kasir ca init.")]


@ca_app.command("init")
def init_authority(directory: Directory, name: Names = None) -> None:
    """Make an authority, the server's certificate, and the pepper of the PINs. Keep a copy of the directory,
    in another place than the data.

    \b
    Example: kasir ca init /etc/kasir/access --name kasir.toko --name 192.168.1.10
    """  # noqa: D301 (\b: what follows keeps its lines)
    from server.access import ca  # noqa: PLC0415

    with _plain("ca"):
        authority = ca.create(directory, list(dict.fromkeys([*(name or []), *ca.own_names()])))
        typer.echo(f"The authority is in {directory}. The server is {', '.join(authority.server_names())}.")


@ca_app.command("server")
def renew_server(directory: Directory, name: Names = None) -> None:
    """Give the server a new certificate; with --name for these names instead of those that it has. A server
    that runs takes it within seconds, and renews it by itself when it is old. Codes of before are void.

    \b
    Examples:
      kasir ca server /etc/kasir/access
      kasir ca server /etc/kasir/access --name kasir.toko --name 192.168.1.10 --name localhost
    """  # noqa: D301 (\b: what follows keeps its lines)
    from server.access import ca  # noqa: PLC0415

    with _plain("ca"):
        authority = ca.Authority(directory)
        authority.renew_server(name or ())
        typer.echo(f"The server is {', '.join(authority.server_names())}.")


@access_app.command("init")
def first_owner(
    data: Data,
    access: Access,
    owner: Annotated[str, typer.Option(help="The owner's name: small letters, digits, dots, dashes.")],
    device: Annotated[str, typer.Option(help="Name of the first device.")] = "office",
    pin_file: Annotated[
        Path | None, typer.Option(help="File with the owner's PIN; else it is asked for.")
    ] = None,
) -> None:
    """Make an owner, and a code for the first device. Also the way back in when every owner's PIN is lost.

    \b
    Example: kasir access init --data /var/lib/kasir --access /etc/kasir/access --owner bos
    """  # noqa: D301 (\b: what follows keeps its lines)
    from server.access.people import SERVER  # noqa: PLC0415

    with _plain("access"):
        pin = _pin(pin_file, owner)
        with _control(data, access) as control:
            control.add_owner(owner, pin)
            code, expires_s = control.make_code(SERVER, device, 0, [])
        _tell_code(code, expires_s, device)
        typer.echo(f"Then log in there: kasir login {owner} --server HOST:PORT")


@access_app.command("code")
def make_code(
    data: Data,
    access: Access,
    device: Annotated[str, typer.Argument(help="The device's name.")],
    role: Annotated[
        list[str] | None,
        typer.Option(help="What its programs may do by themselves: hardware, courier, messenger."),
    ] = None,
) -> None:
    """Make a code for a device that stands anywhere. From another machine: kasir access devices code.

    \b
    Examples:
      kasir access code office --data /var/lib/kasir --access /etc/kasir/access
      kasir access code printers --role hardware --data /var/lib/kasir --access /etc/kasir/access
    """  # noqa: D301 (\b: what follows keeps its lines)
    from server.access.people import SERVER  # noqa: PLC0415

    with _plain("access"), _control(data, access) as control:
        _tell_code(*control.make_code(SERVER, device, 0, role or []), device)


@access_app.command("audit")
def audit(
    data: Data,
    access: Access,
    verify: Annotated[bool, typer.Option("--verify", help="Check that no line was touched.")] = False,
    last: Annotated[int, typer.Option(min=0, help="So many lines, the newest last.")] = 20,
) -> None:
    """Read the log of access, and check its chain: ends with 1 when a line was changed or left out.

    \b
    Examples:
      kasir access audit --data /var/lib/kasir --access /etc/kasir/access --last 100
      kasir access audit --data /var/lib/kasir --access /etc/kasir/access --verify
    """  # noqa: D301 (\b: what follows keeps its lines)
    from server.access.audit import Audit, TamperedError, newest  # noqa: PLC0415
    from server.access.ca import Authority  # noqa: PLC0415
    from server.access.pins import audit_key  # noqa: PLC0415

    with _plain("access"), closing(_store(data)) as store, store.read() as txn:
        for line in reversed(list(newest(txn, 0, last))):
            said = line.entry
            when = datetime.fromtimestamp(said.time_ms / 1000, UTC).isoformat(timespec="seconds")
            words = (
                said.kind,
                said.actor,
                said.device,
                said.method,
                said.reason,
                said.peer,
                f"x{said.count}",
            )
            typer.echo(f"{line.number} {when} {' '.join(word for word in words if word)}")
        if verify:
            try:
                count, head = Audit(audit_key(Authority(access).pepper)).verify(txn)
            except TamperedError as error:
                _give_up("access", str(error))
            typer.echo(f"{count} lines hold. The last seal is {head.hex()}.")


@access_app.command("copy")
def copy(
    data: Data,
    to: Annotated[Path, typer.Option(help="A new directory, on another disk.")],
) -> None:
    """Copy users, devices, keys and the log of access, while the server runs: kasir backup leaves them out.
    To go back to them, stop the server and put the copy in the place of DATA/access.

    \b
    Example: kasir access copy --data /var/lib/kasir --to /mnt/backup/access-2026-11-27
    """  # noqa: D301 (\b: what follows keeps its lines)
    with _plain("access"), closing(_store(data)) as store:
        store.copy(to)
        typer.echo(f"Users, devices, keys and the log of access are in {to}.")


def _store(data: Path) -> "Store":
    """What is kept already: none is made."""
    from server.access.store import FOLDER, open_store  # noqa: PLC0415

    if not (data / FOLDER).exists():
        _give_up("access", f"{data} has no access control.")
    return open_store(data)


def _tell_code(code: str, expires_s: int, device: str) -> None:
    until = datetime.fromtimestamp(expires_s, UTC).isoformat(timespec="minutes")
    typer.echo(f"On {device}, until {until}: kasir enrol {code} --server HOST:PORT")


def _pin(path: Path | None, owner: str) -> str:
    if path is not None:
        pin = path.read_text("utf-8").strip()
        if not pin:
            raise ValueError(f"{path} is empty: it has to hold the PIN.")
        return pin
    return str(typer.prompt(f"PIN of {owner}", err=True, hide_input=True, confirmation_prompt=True))


@contextmanager
def _control(data: Path, access: Path) -> Iterator["AccessControl"]:
    """What a server has, beside one that may run."""
    from server.access.service import AccessControl  # noqa: PLC0415
    from server.logs import make_logger  # noqa: PLC0415

    control = AccessControl(data, access, make_logger())
    try:
        yield control
    finally:
        control.store.close()


@contextmanager
def _plain(command: str) -> Iterator[None]:
    """Ends in one sentence what cannot be done."""
    import lmdb  # noqa: PLC0415

    from engine import EngineError  # noqa: PLC0415
    from server.access.ca import AuthorityError  # noqa: PLC0415
    from server.settings import SettingsError  # noqa: PLC0415

    try:
        yield
    except (AuthorityError, SettingsError, OSError, ValueError, lmdb.Error) as error:
        _give_up(command, str(error))
    except EngineError as error:
        _give_up(command, error.message)


def _give_up(command: str, message: str) -> NoReturn:
    typer.echo(f"kasir {command}: {message}", err=True)
    raise typer.Exit(1)
