"""A machine of the shop's that is enrolled, for tests of the clients."""

from clients.common.connection import CHANNEL_OPTIONS, Connection
from clients.common.enrolment import Enrolment
from kasir.v1 import access_pb2 as pb
from kasir.v1.admin_pb2 import GetSettingsRequest, GetSettingsResponse
from tests.access.conftest import OWNER, OWNER_PIN


def enrolled(guarded, name="till-1", roles=()):
    request = pb.CreateEnrolmentCodeRequest(device=name, roles=roles)
    code = guarded.manage("CreateEnrolmentCode", request).code
    enrolment = Enrolment(guarded.running.target)
    enrolment.enrol(code, CHANNEL_OPTIONS)
    return enrolment


def settings(client):
    return client.call(GetSettingsRequest(), GetSettingsResponse).settings


def log_in(machine, user=OWNER, pin=OWNER_PIN):
    with grpc_line(machine) as channel:
        return machine.log_in(channel, user, pin)


def grpc_line(machine):
    return Connection(machine.server, "x", enrolment=machine).channel()


def ended_at_the_server(machine, user):
    """Logged out at the server only: this machine does not know."""
    metadata = (("authorization", f"Bearer {machine.session(user).token}"),)
    with grpc_line(machine) as channel:
        channel.unary_unary("/kasir.v1.AccessService/CloseSession")(b"", timeout=20, metadata=metadata)
