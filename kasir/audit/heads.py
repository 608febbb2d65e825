"""Signed heads: where a journal ended at a time, signed, kept where who may change the store may not.

A journal's chain shows that no record was changed alone. Who writes the whole store anew can make a chain
that is sound; but not signatures of the past. A head is a line of JSON, signed with Ed25519.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from clients.common.bad_input import BadInput

DOMAIN = "kasir-head-1"
PUBLIC_SUFFIX = ".pub"


@dataclass(frozen=True)
class SignedHead:
    """A revision, the hash and time of its record, and when that was signed."""

    revision: int
    hash: bytes
    time_ms: int
    signed: str
    signature: bytes = b""

    def message(self) -> bytes:
        """What is signed."""
        return "\n".join(
            (DOMAIN, str(self.revision), self.hash.hex(), str(self.time_ms), self.signed)
        ).encode()

    def line(self) -> str:
        """A line of JSON."""
        return json.dumps(
            {
                "revision": self.revision,
                "time_ms": self.time_ms,
                "hash": self.hash.hex(),
                "signed": self.signed,
                "signature": base64.b64encode(self.signature).decode(),
            }
        )


def make_keys(path: Path) -> Path:
    """Makes a key that only its owner reads, and the public one beside it, which is returned."""
    key = Ed25519PrivateKey.generate()
    _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    public = path.with_name(path.name + PUBLIC_SUFFIX)
    _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return public


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise BadInput("{path} is there already; a key is never written over.", path=path) from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class Signer:
    """Signs heads and appends them to a file."""

    def __init__(self, key: Path, to: Path) -> None:
        """Reads the key. Raises BadInput when others may read it, too, or it is none."""
        if key.stat().st_mode & 0o077:
            raise BadInput("{path} may be read by others: chmod 600 {path}", path=key)
        try:
            found = load_pem_private_key(key.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadInput("{path} holds no key: kasir audit keygen {path}", path=key) from error
        if not isinstance(found, Ed25519PrivateKey):
            raise BadInput("{path} holds a key of another kind than Ed25519.", path=key)
        self._key = found
        self._to = to
        # The hash that was signed last
        self.last = b""

    def sign(self, revision: int, digest: bytes, time_ms: int) -> SignedHead:
        """Signs a head and appends it, durable when this returns."""
        head = SignedHead(revision, digest, time_ms, datetime.now(UTC).isoformat(timespec="milliseconds"))
        signed = SignedHead(revision, digest, time_ms, head.signed, self._key.sign(head.message()))
        handle = os.open(self._to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            # A line that a crash cut short ends here, so that it takes no other with it.
            file.write(f"\n{signed.line()}\n" if _is_cut(self._to) else f"{signed.line()}\n")
            file.flush()
            os.fsync(file.fileno())
        self.last = digest
        return signed


def _is_cut(path: Path) -> bool:
    """Whether a file's last line has no end."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it is empty, or may be appended to but not read
        return False


def read_public(path: Path) -> Ed25519PublicKey:
    """Reads a public key. Raises BadInput."""
    try:
        found = load_pem_public_key(path.read_bytes())
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadInput(
            "{path} holds no public key; kasir audit keygen wrote one ending in .pub.", path=path
        ) from error
    if not isinstance(found, Ed25519PublicKey):
        raise BadInput("{path} holds a key of another kind than Ed25519.", path=path)
    return found


def read_heads(path: Path, public: Ed25519PublicKey) -> Iterator[SignedHead | str]:
    """Every head in a file whose signature is good; words about a line where it is not."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield _read_line(line, public)
            except (ValueError, KeyError, TypeError):
                yield f"line {number} of {path} is no signed head"
            except InvalidSignature:
                yield f"line {number} of {path} was not signed with this key, or was changed"


def _read_line(line: str, public: Ed25519PublicKey) -> SignedHead:
    found = json.loads(line)
    head = SignedHead(
        int(found["revision"]),
        bytes.fromhex(found["hash"]),
        int(found["time_ms"]),
        str(found["signed"]),
        base64.b64decode(found["signature"], validate=True),
    )
    public.verify(head.signature, head.message())
    return head
