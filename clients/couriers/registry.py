"""Which carriers there are: the modules of `carriers`, by name."""

import importlib
import pkgutil
from typing import Protocol, cast

from clients.common.problems import BadInput
from clients.couriers import carriers
from clients.couriers.carrier import Carrier
from clients.couriers.settings import CarrierSettings


class Maker(Protocol):
    """A carrier's class."""

    def __call__(self, settings: CarrierSettings) -> Carrier:
        """Raises BadInput for settings that it cannot work with."""


def names() -> list[str]:
    """All carriers, by name."""
    return sorted(module.name for module in pkgutil.iter_modules(carriers.__path__))


def make(settings: CarrierSettings) -> Carrier:
    """The carrier of that name. Raises BadInput."""
    if settings.name not in names():
        raise BadInput(f"There is no carrier '{settings.name}'; there are {', '.join(names())}.")
    module = importlib.import_module(f"{carriers.__name__}.{settings.name}")
    return cast("Maker", module.CARRIER)(settings)
