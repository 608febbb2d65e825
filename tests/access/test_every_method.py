"""Every method of the contract, asked by everybody, held against the table.

Goal: what the table does not allow is refused before a byte of the request is read, for every pair of
method and role; what it allows gets past the door. Method: a real server, a real login for each role, and
requests that no method takes, so that being let in shows as another refusal and changes nothing.
"""

import grpc
import pytest

from server.access.table import AGENTS, PEOPLE, Door, Role, methods
from tests.server.support import read_refusal

ROLES = sorted(PEOPLE)
# Of what is no message: a field of length 127 with nothing behind it.
NO_MESSAGE = b"\x0a\x7f"
AT_THE_DOOR = {"DEVICE_UNKNOWN", "SESSION_REQUIRED", "ROLE_MISSING", "LOCATION_DENIED", "ACTOR_MISMATCH"}
OURS = [row for row in methods() if row.door is None]


@pytest.fixture
def callers(guarded, monkeypatch):
    """Who calls, by role: a machine and a token."""
    from server.access import guard

    monkeypatch.setattr(guard, "PERSON_PER_SECOND", 100_000)
    monkeypatch.setattr(guard, "DEVICE_PER_SECOND", 100_000)
    found = {}
    for role in ROLES:
        guarded.user(f"is-{role}", role)
        found[role] = (guarded.office, guarded.login(guarded.office, f"is-{role}"))
    for role in AGENTS:
        found[f"device:{role}"] = (guarded.device(f"dev-{role}", roles=(role,)), "")
    for scope in sorted(methods().scopes):
        found[f"key:{scope}"] = (None, guarded.key(scope, scope, calls_per_second=100_000))
    return found


def why(guarded, method, machine, token):
    """The reason of a call that makes no sense, or the status where there is none."""
    channel = guarded.line(machine)
    metadata = [("authorization", f"Bearer {token}")] if token else []
    # A stream of one request is the same bytes as one request.
    call = channel.unary_stream(method)(NO_MESSAGE, timeout=20, metadata=metadata)
    try:
        for _ in call:
            pass
    except grpc.RpcError as error:
        return read_refusal(error).reason or error.code().name
    return "OK"


def expected(row, who):
    kind, _, rest = who.rpartition(":")
    if kind == "device":
        return row.lets([Role(rest)])
    if kind == "key":
        return row.lets([Role.INTEGRATOR], [rest])
    return row.lets([Role(rest)])


def test_every_method_by_every_role(guarded, callers):
    wrong = []
    for row in OURS:
        for who, (machine, token) in callers.items():
            reason = why(guarded, row.method, machine, token)
            let_in = reason not in AT_THE_DOOR
            if let_in != expected(row, who):
                wrong.append((row.method, who, reason))
    assert wrong == []
    assert len(OURS) * len(callers) > 1_500


def test_every_method_by_who_has_nothing(guarded):
    for row in methods():
        let_in = row.door is Door.STRANGER
        reason = why(guarded, row.method, None, "")
        if row.door is Door.ELSEWHERE:
            assert reason == "UNIMPLEMENTED", row.method
        else:
            assert (reason not in AT_THE_DOOR) == let_in, (row.method, reason)


def test_every_method_by_a_token_that_is_made_up(guarded):
    for row in OURS:
        assert why(guarded, row.method, guarded.office, "x" * 43) == "SESSION_REQUIRED", row.method


def test_what_the_server_answers_is_what_the_table_has(guarded):
    answered = set(guarded.running.service._transport.server.methods)
    health = {method for method in answered if method.startswith("/grpc.health")}
    tabled = {row.method for row in methods() if row.door is not Door.ELSEWHERE}
    assert answered - health == tabled
