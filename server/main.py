"""`kasir serve`: opens the data, serves it until it is told to stop, and closes it again."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from engine import Engine, EngineError
from kasir.traces import usable_endpoint
from server.settings import (
    DEFAULT_LISTEN,
    LogCalls,
    LogFormat,
    LogLevel,
    Settings,
    SettingsError,
    Tls,
    parse_address,
    room_for_connections,
)

MEBIBYTE = 1024 * 1024


DataOption = Annotated[
    Path, typer.Option("--data", help="Directory of the shop's data; made when it is missing.")
]
ListenOption = Annotated[str, typer.Option(help="host:port to serve on. Port 0: the system chooses one.")]
TlsCertOption = Annotated[Path | None, typer.Option(help="PEM file with the server's certificate chain.")]
TlsKeyOption = Annotated[Path | None, typer.Option(help="PEM file with its private key.")]
TlsClientCaOption = Annotated[
    Path | None, typer.Option(help="PEM file; clients must show a certificate of this authority.")
]
MetricsListenOption = Annotated[
    str | None, typer.Option(help="host:port for Prometheus; off when not given.")
]
TracesOption = Annotated[
    str | None,
    typer.Option(
        help="Address of an OpenTelemetry collector (OTLP over HTTP) that traces of calls go to.  "
        "[default: OTEL_EXPORTER_OTLP_ENDPOINT]",
        metavar="URL",
    ),
]
TraceRatioOption = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        help="Share of the calls to trace whose callers do not say; those who do are heeded.",
    ),
]
MootaWebhookOption = Annotated[
    str | None,
    typer.Option(help="host:port that Moota posts new mutations to, at /moota; off when not given."),
]
MootaSecretFileOption = Annotated[
    Path | None, typer.Option(help="File with the secret that Moota signs what it posts with.")
]
AccessOption = Annotated[
    Path | None,
    typer.Option(
        "--access",
        help="Directory of `kasir ca init`: let those in only who are known, encrypted. Off when not given.",
    ),
]
OpenOption = Annotated[
    bool,
    typer.Option(
        "--open", help="Without --access, let whoever reaches it from other machines do everything."
    ),
]
ReflectionOption = Annotated[
    bool, typer.Option("--reflection", help="Tell clients which services there are.")
]
SnapshotsOption = Annotated[
    Path | None,
    typer.Option(help="Where snapshots are written.  [default: DATA/snapshots]", show_default=False),
]
MapSizeMibOption = Annotated[
    int,
    typer.Option(min=1, help="First size of the memory map: address space, not memory. It grows by itself."),
]
MaxQueueOption = Annotated[int, typer.Option(min=1, help="Commands that may wait for the writer.")]
MaxBatchOption = Annotated[int, typer.Option(min=1, help="Commands that may share a commit.")]
MaxStreamsOption = Annotated[int, typer.Option(min=0, help="Streams open at once, over all clients.")]
MaxConnectionsOption = Annotated[
    int,
    typer.Option(min=1, help="Connections open at once; fewer where the system allows fewer open files."),
]
WorkersOption = Annotated[int, typer.Option(min=1, max=256, help="Threads that carry connections.")]
HeartbeatOption = Annotated[
    float, typer.Option(min=0.05, help="Seconds between heartbeats of an idle stream.")
]
StallOption = Annotated[
    float, typer.Option(min=0.05, help="Seconds after which a reader that takes nothing is cut off.")
]
GraceOption = Annotated[float, typer.Option(min=0.0, help="Seconds that a stop waits for calls in progress.")]
LogLevelOption = Annotated[LogLevel, typer.Option(help="The least that is logged.")]
LogFormatOption = Annotated[LogFormat, typer.Option(help="auto: console at a terminal, else JSON.")]
LogCallsOption = Annotated[LogCalls, typer.Option(help="Which calls get a line in the log.")]


def serve(
    data: DataOption,
    listen: ListenOption = DEFAULT_LISTEN,
    tls_cert: TlsCertOption = None,
    tls_key: TlsKeyOption = None,
    tls_client_ca: TlsClientCaOption = None,
    metrics_listen: MetricsListenOption = None,
    traces: TracesOption = None,
    trace_ratio: TraceRatioOption = 0.0,
    moota_webhook: MootaWebhookOption = None,
    moota_secret_file: MootaSecretFileOption = None,
    access: AccessOption = None,
    open_to_all: OpenOption = False,
    reflection: ReflectionOption = False,
    snapshots: SnapshotsOption = None,
    map_size_mib: MapSizeMibOption = 65_536,
    max_queue: MaxQueueOption = 16_384,
    max_batch: MaxBatchOption = 1_024,
    max_streams: MaxStreamsOption = 1_000,
    max_connections: MaxConnectionsOption = 10_000,
    workers: WorkersOption = 1,
    heartbeat: HeartbeatOption = 5.0,
    stall: StallOption = 30.0,
    grace: GraceOption = 30.0,
    log_level: LogLevelOption = LogLevel.INFO,
    log_format: LogFormatOption = LogFormat.AUTO,
    log_calls: LogCallsOption = LogCalls.REFUSED,
) -> None:
    """Start the server on a shop's data, and stop it with Ctrl-C or SIGTERM.

    It listens on this machine only, unless it keeps watch who comes in (--access): then any address will do.

    \b
    Examples:
      kasir serve --data out/shop
      kasir serve --data /var/lib/kasir --listen 127.0.0.1:0 --reflection
      kasir serve --data shop --listen 0.0.0.0:50051 --access /etc/kasir/access
    """  # noqa: D301 (\b: what follows keeps its lines)
    # Who buys what, where they live: the files of a store are for its server's user alone.
    os.umask(0o077)
    try:
        settings = Settings(
            listen=parse_address(listen),
            tls=_tls(tls_cert, tls_key, tls_client_ca),
            metrics_listen=parse_address(metrics_listen) if metrics_listen else None,
            traces=traces or _told_traces(),
            trace_ratio=trace_ratio,
            moota_listen=parse_address(moota_webhook) if moota_webhook else None,
            moota_secret_file=moota_secret_file,
            access=access,
            open_to_all=open_to_all,
            reflection=reflection,
            snapshots=snapshots,
            max_streams=max_streams,
            max_connections=room_for_connections(max_connections),
            workers=workers,
            heartbeat_s=heartbeat,
            stall_s=stall,
            grace_s=grace,
        )
        settings.check()
        sizes = {"map_size_bytes": map_size_mib * MEBIBYTE, "max_queue": max_queue, "max_batch": max_batch}
        failure = _run(data, sizes, settings, (log_level, log_format, log_calls))
    except SettingsError as error:
        _give_up(str(error))
    except EngineError as error:
        _give_up(error.message)
    if failure is not None:
        _give_up(failure.message)


def _run(
    data: Path, sizes: dict[str, int], settings: Settings, logs: tuple[LogLevel, LogFormat, LogCalls]
) -> EngineError | None:
    """Serves until it is told to stop (None), or the engine stops by itself (why)."""
    with ThreadPoolExecutor(1, thread_name_prefix="kasir-open") as aside:
        # After a crash opening takes a while: what was written ahead is applied again. Meanwhile the
        # server's modules are imported.
        opening = aside.submit(Engine.open, data, **sizes)
        from server import run  # noqa: PLC0415
    return run.until_stopped(opening, data, settings, run.LogSettings(*logs))


def _told_traces() -> str | None:
    """Where the environment says that traces go. It is set for all programs, so it stops none."""
    endpoint, why_not = usable_endpoint()
    if why_not:
        typer.echo(f"Nothing is traced: {why_not}", err=True)
    return endpoint


def _tls(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise SettingsError("TLS needs both --tls-cert and --tls-key.")
    return Tls(certificate, key, client_ca)


def _give_up(message: str) -> NoReturn:
    typer.echo(f"kasir serve: {message}", err=True)
    raise typer.Exit(1)
