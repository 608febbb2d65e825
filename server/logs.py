"""What the server writes to stderr: JSON lines for machines, coloured lines for a person at a terminal."""

import logging
import sys
from enum import StrEnum
from typing import TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor


class LogFormat(StrEnum):
    """How lines are written; auto is console at a terminal, else json."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """The least that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def make_logger(
    level: LogLevel = LogLevel.INFO, style: LogFormat = LogFormat.AUTO, stream: TextIO | None = None
) -> FilteringBoundLogger:
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
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(out),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    ).bind()
    return logger


class _Forward(logging.Handler):
    """Lines of libraries that use the standard library's logging (grpcio, asyncio) join ours."""

    def __init__(self, log: FilteringBoundLogger) -> None:
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


def forward_libraries(log: FilteringBoundLogger, level: int = logging.WARNING) -> None:
    """Sends what libraries log at `level` or above through `log`. For the process that is the server."""
    root = logging.getLogger()
    root.handlers[:] = [_Forward(log)]
    root.setLevel(level)
