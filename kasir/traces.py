"""Where traces go, and what servers and clients share of OpenTelemetry. Its library is an extra, and is
imported only by who traces.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

# OpenTelemetry's own names: a collector's full address for traces, and its base.
TRACES_ENDPOINT, ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
DISABLED, EXPORTER, SERVICE_NAME = "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME"
PATH = "/v1/traces"
NOT_INSTALLED = "Traces need the traces extra: pip install 'kasir[traces]'."


class TracesError(Exception):
    """Traces cannot be sent as asked; the text says why and what to do."""


def told_endpoint() -> str | None:
    """Where the environment says that traces go; None where it says nothing, or that there are to be none."""
    is_off = os.environ.get(DISABLED, "").strip().lower() == "true" or os.environ.get(EXPORTER) == "none"
    if is_off:
        return None
    base = os.environ.get(ENDPOINT, "").strip()
    return os.environ.get(TRACES_ENDPOINT, "").strip() or (f"{base.rstrip('/')}{PATH}" if base else None)


def usable_endpoint() -> tuple[str | None, str]:
    """Where the environment says that traces go, if they can; and why not, in words."""
    endpoint = told_endpoint()
    try:
        if endpoint is not None:
            exporter(endpoint)
    except TracesError as error:
        return None, str(error)
    return endpoint, ""


def endpoint_of(collector: str) -> str:
    """The address that traces are posted to, of a collector's. Raises TracesError."""
    # Every command imports this module, and few trace.
    from urllib.parse import urlsplit  # noqa: PLC0415

    try:
        parts = urlsplit(collector)
        is_address = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None
    except ValueError:
        is_address = False
    if not is_address:
        # What was given is not repeated: there may be a password in it.
        raise TracesError("That is no collector's address. Give one like http://127.0.0.1:4318.")
    return collector if parts.path.strip("/") else f"{collector.rstrip('/')}{PATH}"


def shown(collector: str) -> str:
    """A collector's address for a log: without what may be secret in it."""
    from urllib.parse import urlsplit  # noqa: PLC0415

    parts = urlsplit(collector)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def exporter(collector: str) -> "SpanExporter":
    """What posts traces to a collector, by OTLP over HTTP; more about it (headers, timeout, certificates)
    stands in the environment, under OpenTelemetry's names. Raises TracesError.
    """
    endpoint = endpoint_of(collector)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        raise TracesError(NOT_INSTALLED) from error
    return OTLPSpanExporter(endpoint=endpoint)


def resource(service: str) -> "Resource":
    """What a program is called in its traces."""
    from importlib.metadata import version  # noqa: PLC0415

    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

    name = os.environ.get(SERVICE_NAME) or service
    return Resource.create({"service.name": name, "service.version": version("kasir")})
