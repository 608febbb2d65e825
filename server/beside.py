"""What a server has beside its engine and its calls, as far as status and metrics tell of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.certificate import Certificate
    from server.traces import Traces


@dataclass
class Beside:
    """None: it has none."""

    # The one that callers are shown
    certificate: "Certificate | None" = None
    traces: "Traces | None" = None
