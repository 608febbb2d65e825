"""The server's life: what is put together, in which order it starts, and in which it stops."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from engine import Engine, EngineError
from kasir.traces import NOT_INSTALLED, shown
from server import handlers
from server.arriving import Arriving
from server.beside import Beside
from server.imports import StatementImporter
from server.journal import JournalClock
from server.logs import Logger, make_logger
from server.machine_clock import ShopTime, watch_clock
from server.observe import CallLog
from server.settings import Address, LogCalls, Settings, SettingsError
from server.transport import Transport

if TYPE_CHECKING:
    from server.access.service import AccessControl
    from server.certificate import Certificate
    from server.metrics import MetricsEndpoint
    from server.moota import MootaEndpoint

# Reading statements, verifying, snapshots.
WORKERS = 4


class Service:
    """A server over an open engine, which stays the caller's. Made, started and stopped in one event loop."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        log: Logger | None = None,
        log_calls: LogCalls = LogCalls.REFUSED,
    ) -> None:
        settings.check()
        self.engine = engine
        self.settings = settings
        self.log = log or make_logger()
        self.clock = JournalClock(engine)
        self._executor = ThreadPoolExecutor(WORKERS, thread_name_prefix="kasir-aside")
        self.arriving = Arriving()
        self._importer = StatementImporter(engine, self._executor, self.arriving)
        self._beside = Beside()
        registry = handlers.build(engine, self.clock, self._executor, settings, self._importer, self._beside)
        self._access = self._make_access()
        if self._access is not None:
            self._access.register(registry)
        self._transport = Transport(engine, registry, settings, self.log, log_calls, self._access)
        self._native = self._transport.server.native
        self._methods = registry.methods
        self._devices = registry.devices
        self._call_log = CallLog(self._native, registry.methods, self.log)
        self._endpoint: MetricsEndpoint | None = None
        self._moota: MootaEndpoint | None = None
        self._certificates = self._make_certificates()
        self._clock_task: asyncio.Task[None] | None = None
        self._log_task: asyncio.Task[None] | None = None
        self._matching_task: asyncio.Task[None] | None = None
        self._machine_clock_task: asyncio.Task[None] | None = None
        self._access_task: asyncio.Task[None] | None = None
        self._certificate_tasks: list[asyncio.Task[None]] = []
        self.address: Address | None = None
        self.metrics_address: Address | None = None
        self.moota_address: Address | None = None

    def _make_access(self) -> "AccessControl | None":
        if self.settings.access is None:
            return None
        # Who lets everybody in does not wait for ciphers.
        from server.access.service import AccessControl  # noqa: PLC0415

        clock = ShopTime(self.engine)
        return AccessControl(self.engine.path, self.settings.access, self.log, clock=clock)

    def _make_certificates(self) -> "list[Certificate]":
        """That of the calls first; with access control the other endpoints may have another one."""
        access, own = self._access, self.settings.tls
        files = [each for each in (access.tls if access else None, own) if each is not None]
        if not files:
            return []
        # Who has no certificate does not wait for ciphers.
        from server.certificate import Certificate  # noqa: PLC0415

        made = [Certificate(each, self.log) for each in files]
        made[0].shown_by.append(self._show_callers)
        self._beside.certificate = made[0]
        return made

    def _show_callers(self, certificate: Path, key: Path) -> None:
        self._native.show_certificate(certificate.read_bytes(), key.read_bytes())

    async def start(self) -> Address:
        """Listens; returns where. Raises SettingsError when it cannot."""
        try:
            self._send_traces()
            self._serve_metrics()
            self._listen_to_moota()
            self.address = await self._transport.start()
        except BaseException:
            self._close_aside()
            raise
        self._clock_task = asyncio.create_task(self.clock.run(), name="journal clock")
        self._log_task = asyncio.create_task(self._call_log.run(), name="call log")
        self._matching_task = asyncio.create_task(self._reconcile(), name="reconciler")
        self._machine_clock_task = asyncio.create_task(
            watch_clock(self.engine, self.log), name="machine's clock"
        )
        self._certificate_tasks = [
            asyncio.create_task(each.run(self._executor), name="certificate") for each in self._certificates
        ]
        if self._access is not None:
            self._access_task = asyncio.create_task(self._access.run(), name="access")
        self.log.info(
            "started",
            listen=str(self.address),
            tls=self.settings.tls is not None or self._access is not None,
            access=self._access is not None,
            data=str(self.engine.path),
            revision=self.engine.revision(),
            metrics=str(self.metrics_address) if self.metrics_address else None,
            traces=shown(self.settings.traces) if self.settings.traces else None,
            moota=str(self.moota_address) if self.moota_address else None,
        )
        return self.address

    def _send_traces(self) -> None:
        if self.settings.traces is not None:
            # Who traces nothing needs no OpenTelemetry.
            try:
                from server.traces import Traces  # noqa: PLC0415
            except ImportError as error:
                raise SettingsError(NOT_INSTALLED) from error
            self._beside.traces = Traces(self._native, self._methods, self.settings.traces, self.log)

    def _serve_metrics(self) -> None:
        if self.settings.metrics_listen is None:
            return
        # Who serves no metrics does not wait for Prometheus's client.
        from server.metrics import Metrics, MetricsEndpoint  # noqa: PLC0415

        metrics = Metrics(self.engine, self._native, self._methods, self._devices, self._beside)
        self._endpoint = MetricsEndpoint(metrics.registry, self.settings.metrics_listen, self.settings.tls)
        self.metrics_address = self._endpoint.address
        if self.settings.tls is not None:
            self._certificates[-1].shown_by.append(self._endpoint.show)

    def _listen_to_moota(self) -> None:
        listen, secret_file = self.settings.moota_listen, self.settings.moota_secret_file
        if listen is None or secret_file is None:
            return
        # Who takes no webhook does not wait for an HTTP server.
        from server.moota import MootaEndpoint, read_secret  # noqa: PLC0415

        secret = read_secret(secret_file)
        self._moota = MootaEndpoint(self._importer, secret, listen, self.settings.tls, self.log)
        self.moota_address = self._moota.address
        if self.settings.tls is not None:
            self._certificates[-1].shown_by.append(self._moota.show)

    async def _reconcile(self) -> None:
        """Imported when the server is up: nobody waits for it."""
        from server.reconciler import Reconciler  # noqa: PLC0415

        await Reconciler(self.engine, self.clock, self.log, self.arriving).run()

    async def failed(self) -> EngineError:
        """Returns when the engine stopped by itself, and why; a server that answers nothing must not
        linger.
        """
        assert self._clock_task is not None, "started"
        await self._clock_task
        assert self.clock.failure is not None, "the clock runs until the engine fails"
        return self.clock.failure

    async def stop(self) -> None:
        """Says NOT_SERVING, takes no new calls, ends the streams, answers what was accepted. The engine stays
        open.
        """
        self.log.info("stopping", in_progress=self._native.awaited(), streams=self.clock.streams)
        self._transport.not_serving()
        if self._moota is not None:
            await asyncio.get_running_loop().run_in_executor(None, self._close_moota)
        self.clock.stop()
        await self._transport.stop(self.settings.grace_s)
        started = (
            self._clock_task,
            self._log_task,
            self._matching_task,
            self._machine_clock_task,
            self._access_task,
            *self._certificate_tasks,
        )
        tasks = [task for task in started if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._call_log.finish()
        await asyncio.get_running_loop().run_in_executor(None, self._close_traces)
        self._close_aside()
        self.log.info("stopped")

    def _close_moota(self) -> None:
        if self._moota is not None:
            self._moota.close()
            self._moota = None

    def _close_traces(self) -> None:
        if self._beside.traces is not None:
            self._beside.traces.close()
            self._beside.traces = None

    def _close_aside(self) -> None:
        self._close_moota()
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None
        self._close_traces()
        if self._access is not None:
            self._access.close()
            self._access = None
        self._executor.shutdown(wait=False, cancel_futures=True)
