"""What the server writes to stderr: JSON lines for machines, coloured lines for a person at a terminal."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from server.settings import LogFormat, LogLevel

__all__ = ["LogFormat", "LogLevel", "Logger", "forward_libraries", "make_logger"]


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """What is imported inside finds no module `name`, unless it is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


# structlog would draw its tracebacks with rich: to import that takes longer than to start the engine.
with _hidden("rich"):
    import structlog
    from structlog.typing import FilteringBoundLogger as Logger
    from structlog.typing import Processor


def make_logger(
    level: LogLevel = LogLevel.INFO, style: LogFormat = LogFormat.AUTO, stream: TextIO | None = None
) -> Logger:
    """A logger of its own, without touching structlog's global configuration."""
    out = stream or sys.stderr
    console = style is LogFormat.CONSOLE or (style is LogFormat.AUTO and out.isatty())
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not console),
    ]
    if console:
        processors.append(structlog.dev.ConsoleRenderer())
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    logger: Logger = structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    ).bind()
    return logger


class _Forward(logging.Handler):
    """Lines of libraries that use the standard library's logging (grpcio, asyncio) join ours."""

    def __init__(self, log: Logger) -> None:
        super().__init__()
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        self.log.log(
            record.levelno,
            "library",
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def forward_libraries(log: Logger, level: int = logging.WARNING) -> None:
    """Sends what libraries log at `level` or above through `log`. For the process that is the server."""
    root = logging.getLogger()
    root.handlers[:] = [_Forward(log)]
    root.setLevel(level)
