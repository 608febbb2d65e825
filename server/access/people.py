"""What is asked of names, roles and places, and who may decide about whom."""

import re
from collections.abc import Iterable, Sequence

from engine import Code, EngineError
from server.access.store import Code as EnrolmentCode
from server.access.store import Device, Transaction, User
from server.access.table import AGENTS, PEOPLE, Role
from server.calls import field_error

MANY = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}")
# Who acts on the server's own machine, in codes and in the log: no name that a user could have.
SERVER = "(server)"
IN_CHARGE = frozenset({Role.MANAGER, Role.OWNER})


def check_name(name: str, field: str) -> None:
    """Refuses what is no name of a user, device or key."""
    if not name:
        raise field_error("FIELD_REQUIRED", field, "A name is needed.")
    if not _NAME.fullmatch(name):
        raise field_error(
            "FIELD_MALFORMED",
            field,
            "A name has 1 to 40 small letters, digits, dots and dashes, and begins with one.",
        )


def check_roles(roles: Iterable[str], allowed: frozenset[Role], field: str) -> list[str]:
    """The roles, each once, or the refusal."""
    found = list(dict.fromkeys(roles))
    if unknown := [role for role in found if role not in allowed]:
        words = ", ".join(sorted(allowed))
        raise field_error("FIELD_MALFORMED", field, f"{unknown[0]!r} is no role here. There are: {words}.")
    return found


def check_places(locations: Sequence[int], field: str) -> list[int]:
    """The locations, each once, or the refusal."""
    if len(locations) > MANY:
        raise field_error("TOO_MANY_ELEMENTS", field, f"At most {MANY} locations, or none for all.")
    if 0 in locations:
        raise field_error("FIELD_OUT_OF_RANGE", field, "A location's number is 1 or more.")
    return sorted(set(locations))


def person_roles(roles: Iterable[str]) -> list[str]:
    """The roles of a person."""
    found = check_roles(roles, PEOPLE, "user.roles")
    if not found:
        raise field_error("FIELD_REQUIRED", "user.roles", "A user without a role may do nothing.")
    return found


def agent_roles(roles: Iterable[str]) -> list[str]:
    """The roles of a device."""
    return check_roles(roles, AGENTS, "roles")


def beyond(words: str) -> EngineError:
    """Somebody decides about what is above them."""
    return EngineError(Code.PERMISSION_DENIED, "ROLE_MISSING", words)


def check_decides(txn: Transaction, actor: str, about: User, becomes: User | None = None) -> None:
    """Refuses a manager who decides about managers and owners, or gives what a manager does not have."""
    decider = txn.users.get(actor)
    if decider is None:
        raise beyond("Only a person in charge decides about people.")
    if Role.OWNER in decider.roles:
        return
    for user in (about, becomes):
        if user is None:
            continue
        if IN_CHARGE & set(user.roles):
            raise beyond("Only an owner decides about managers and owners.")
        if decider.locations and not (user.locations and set(user.locations) <= set(decider.locations)):
            raise beyond("A manager decides about people of the own locations only.")


def check_decides_device(txn: Transaction, actor: str, device: Device | None, becomes: Device) -> None:
    """Refuses a manager who decides about a device of another place, or changes the place or the roles of one
    that there is. `device` is what there is of that name, if anything.
    """
    decider = txn.users.get(actor)
    if decider is None or decider.disabled or not IN_CHARGE & set(decider.roles):
        raise beyond("Only a person in charge decides about devices.")
    if Role.OWNER in decider.roles:
        return
    places = {each.location_id for each in (device, becomes) if each is not None}
    if decider.locations and not places <= set(decider.locations):
        raise beyond("A manager decides about devices of the own locations only.")
    if device is not None and not same_work(device, becomes):
        raise beyond(f"There is a device {device.name}: only an owner changes its place or its roles.")


def same_work(device: Device, other: Device) -> bool:
    """Whether two are for the same place and have the same roles."""
    return device.location_id == other.location_id and set(device.roles) == set(other.roles)


def still_decides(txn: Transaction, code: EnrolmentCode, device: Device | None) -> bool:
    """Whether who made a code might make it now: it waited, and the device or the person is another since."""
    if code.made_by == SERVER:
        return True
    try:
        check_decides_device(txn, code.made_by, device, Device(code.device, code.location_id, code.roles))
    except EngineError:
        return False
    return True


def has_owner(txn: Transaction) -> bool:
    """Whether there is an owner who can log in."""
    return any(_is_owner(user) for _, user in txn.users.all())


def _is_owner(user: User) -> bool:
    return Role.OWNER in user.roles and not user.disabled and bool(user.pin_hash)


def check_owner_left(txn: Transaction, changed: User) -> None:
    """Refuses to take the last owner away who can log in."""
    if Role.OWNER in changed.roles and not changed.disabled:
        return
    others = (user for _, user in txn.users.all() if user.name != changed.name)
    if not any(_is_owner(user) for user in others):
        before = txn.users.get(changed.name)
        if before is not None and Role.OWNER in before.roles:
            raise EngineError(
                Code.FAILED_PRECONDITION,
                "LAST_OWNER",
                f"{changed.name} is the last owner. Make another one first.",
            )


def not_found(kind: str, name: str) -> EngineError:
    """There is no such user, device or key."""
    return EngineError(
        Code.NOT_FOUND, "ACCESS_NOT_FOUND", f"There is no {kind} {name}.", {"kind": kind, "name": name}
    )


def taken(kind: str, name: str) -> EngineError:
    """There is one of that name."""
    return EngineError(
        Code.ALREADY_EXISTS,
        "ACCESS_NAME_TAKEN",
        f"There is a {kind} {name} already.",
        {"kind": kind, "name": name},
    )
