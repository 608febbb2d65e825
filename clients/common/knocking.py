"""What a server shows to whoever knocks: whether its line is encrypted, and what its certificate calls it."""

import ipaddress
import ssl

TIMEOUT_S = 2.0


def shown_certificate(server: str, timeout_s: float = TIMEOUT_S) -> bytes:
    """The certificate (DER) of the server at HOST:PORT, trusted or not. Raises OSError and ValueError where
    there is none.
    """
    host, _, port = server.rpartition(":")
    shown = ssl.get_server_certificate((host.strip("[]"), int(port)), timeout=timeout_s)
    return ssl.PEM_cert_to_DER_cert(shown)


def is_encrypted(server: str) -> bool:
    """Whether something there speaks TLS."""
    try:
        return bool(shown_certificate(server))
    except (OSError, ValueError):
        return False


def called_otherwise(server: str) -> list[str]:
    """What the server there calls itself, where that is not what it is called here; else none."""
    try:
        return other_names(server, shown_certificate(server))
    except (OSError, ValueError):
        return []


def other_names(server: str, certificate: bytes) -> list[str]:
    """What a server is called by its certificate, where that is not what it was called by; else none."""
    # Ciphers are read only where somebody is told why a server is not trusted.
    from cryptography import x509  # noqa: PLC0415

    try:
        extensions = x509.load_der_x509_certificate(certificate).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return []
    names = [str(name.value) for name in found]
    host = server.rpartition(":")[0].strip("[]").lower()
    return [] if any(_fits(host, name.lower()) for name in names) else names


def _fits(host: str, name: str) -> bool:
    try:
        return ipaddress.ip_address(host) == ipaddress.ip_address(name)
    except ValueError:
        first, _, rest = host.partition(".")
        return host == name or (bool(first) and name == f"*.{rest}")
