"""What is kept: the sealed log, the authority's certificates, PINs.

Goal: a log that was touched is found out, line by line; certificates are good for what they are made for
and no longer; a PIN is worth nothing without the pepper. Method: stores and files are damaged by hand.
"""

import datetime as dt
import errno

import msgpack
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kasir import durable
from server.access import ca, pins
from server.access.audit import Audit, Entry, TamperedError, newest
from server.access.pins import Cost, Pins
from server.access.store import Store
from server.settings import Tls
from tests.access.conftest import Machine

CHEAP = Cost(1, 8)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture
def audit(store):
    log = Audit(b"k" * 32, clock=lambda: 1_800_000_000.0)
    with store.write() as txn:
        for number in range(1, 6):
            log.add(txn, Entry("login", f"user-{number}"))
    return log


def test_a_log_that_nobody_touched_holds(store, audit):
    with store.read() as txn:
        count, head = audit.verify(txn)
        assert (count, len(head)) == (5, 32)
        assert [line.number for line in newest(txn, 0, 3)] == [5, 4, 3]
        assert [line.number for line in newest(txn, 3, 10)] == [2, 1]


def changed(txn, number):
    content, seal = msgpack.unpackb(txn.raw.get(number.to_bytes(8), db=txn.log))
    entry = msgpack.unpackb(content) | {"actor": "somebody-else"}
    return msgpack.packb([msgpack.packb(entry), seal])


@pytest.mark.parametrize("number", range(1, 6))
@pytest.mark.parametrize("how", ["changed", "left out", "torn", "swapped"])
def test_a_line_that_was_touched_is_named(store, audit, number, how):
    with store.write() as txn:
        key, other = number.to_bytes(8), (number % 5 + 1).to_bytes(8)
        mine = bytes(txn.raw.get(key, db=txn.log))
        match how:
            case "changed":
                txn.raw.put(key, changed(txn, number), db=txn.log)
            case "torn":
                txn.raw.put(key, mine[:-1], db=txn.log)
            case "left out":
                txn.raw.delete(key, db=txn.log)
            case "swapped":
                txn.raw.put(key, bytes(txn.raw.get(other, db=txn.log)), db=txn.log)
                txn.raw.put(other, mine, db=txn.log)
    with store.read() as txn:
        if how == "left out" and number == 5:
            # The end cannot be seen to be missing; the head that was written down before can.
            assert audit.verify(txn)[0] == 4
            return
        with pytest.raises(TamperedError):
            audit.verify(txn)


def test_a_log_that_was_written_anew_without_the_key_is_found_out(store, audit):
    forger = Audit(b"x" * 32)
    with store.write() as txn:
        forger.add(txn, Entry("login", "nobody"))
    with store.read() as txn, pytest.raises(TamperedError, match="Line 6"):
        audit.verify(txn)


def test_a_pin_is_worth_nothing_without_its_pepper_and_its_name():
    keeper = Pins(b"pepper", CHEAP)
    kept = keeper.hash("sari", "4711")
    assert kept.startswith("$argon2id$")
    assert keeper.fits("sari", "4711", kept)
    assert not keeper.fits("sari", "4712", kept)
    assert not keeper.fits("budi", "4711", kept)
    assert not Pins(b"other", CHEAP).fits("sari", "4711", kept)
    assert not keeper.fits("nobody", "4711", "")


@pytest.mark.parametrize("pin", ["", "123", "1111", "1234", "9876", "a" * 65, "12\t45"])
def test_a_weak_pin_is_refused(pin):
    assert pins.weakness(pin)


@pytest.mark.parametrize("pin", ["4711", "1357", "kata sandi", "1212"])
def test_others_are_taken(pin):
    assert not pins.weakness(pin)


def test_a_code_is_read_however_it_was_typed():
    secret = pins.new_code()
    shown = pins.shown_code(secret, b"a certificate")
    assert len(shown.replace("-", "")) == 28
    for typed in (shown, shown.lower(), shown.replace("-", " "), f"  {shown}\n"):
        assert pins.secret_of(typed) == secret
    assert shown.replace("-", "").endswith(pins.pin_of_server(b"a certificate"))


def test_certificates_are_for_one_thing_each(tmp_path):
    authority = ca.create(tmp_path / "ca", ["localhost", "127.0.0.1"])
    machine = Machine()
    device = x509.load_pem_x509_certificate(authority.sign_device("till-1", machine.csr()).pem.encode())
    server = x509.load_pem_x509_certificates(authority.server_certificate.read_bytes())[0]
    for certificate, use in (
        (device, ExtendedKeyUsageOID.CLIENT_AUTH),
        (server, ExtendedKeyUsageOID.SERVER_AUTH),
    ):
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(uses) == [use]
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert not basic.ca
    # The name is the shop's to give, whatever the request says.
    assert device.subject.rfc4514_string() == "CN=till-1"
    assert authority.server_names() == ["localhost", "127.0.0.1"]


def test_the_servers_certificate_is_renewed_in_time_and_keeps_its_names(tmp_path):
    directory = tmp_path / "ca"
    ca.create(directory, ["kasir.toko"])
    before = (directory / "server.pem").read_bytes()
    assert not ca.Authority(directory).renew_server_in_time()
    later = ca.Authority(directory, lambda: dt.datetime.now(dt.UTC) + dt.timedelta(days=61))
    assert later.renew_server_in_time()
    assert (directory / "server.pem").read_bytes() != before
    assert later.server_names() == ["kasir.toko"]


def test_a_renewal_that_a_full_disk_ends_leaves_key_and_certificate_as_they_were(tmp_path, monkeypatch):
    """They are one file: there is no moment when they do not fit together."""
    authority = ca.create(tmp_path / "ca", ["kasir.toko"])
    before = {path: path.read_bytes() for path in authority.directory.iterdir()}

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        authority.renew_server()
    assert {path: path.read_bytes() for path in authority.directory.iterdir()} == before
    own = ca.Authority(authority.directory).server_certificate
    Tls(own, own, authority.authority_certificate).check()


@pytest.mark.parametrize(
    "csr", ["", "no csr", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"]
)
def test_what_is_no_signing_request_is_signed_by_nobody(tmp_path, csr):
    authority = ca.create(tmp_path / "ca", ["localhost"])
    with pytest.raises(ValueError):  # noqa: PT011 (each says it in other words)
        authority.sign_device("till-1", csr)


def test_an_authority_is_made_once_and_its_files_are_the_owners(tmp_path):
    ca.create(tmp_path / "ca", ["localhost"])
    with pytest.raises(ca.AuthorityError, match="already"):
        ca.create(tmp_path / "ca", ["localhost"])
    (tmp_path / "ca" / "ca.key").chmod(0o644)
    with pytest.raises(ca.AuthorityError, match="Others can read"):
        ca.Authority(tmp_path / "ca")


def test_a_directory_without_an_authority_says_how_to_make_one(tmp_path):
    with pytest.raises(ca.AuthorityError, match="kasir ca init"):
        ca.Authority(tmp_path)
    assert not list(tmp_path.iterdir())
