"""Which certificates of a device are good: few at once, however often one is asked for."""

import math

from engine import Code, EngineError
from server.access.ca import DEVICE_LASTS
from server.access.store import Device

# So many of a device are good at once: the one in use, and two whose answers may have got lost.
KEPT = 3
# One is new while more than this is left of it; seconds.
NEW_ABOVE_S = int(DEVICE_LASTS.total_seconds()) * 2 // 3


def good(device: Device, now_s: int) -> dict[str, int]:
    """The certificates that are not over."""
    return {shown: expires_s for shown, expires_s in device.certificates.items() if expires_s > now_s}


def add(device: Device, fingerprint: str, expires_s: int, now_s: int) -> list[str]:
    """Takes a new certificate; returns those that are good no more, since there are newer ones."""
    certificates = good(device, now_s) | {fingerprint: expires_s}
    newest = sorted(certificates, key=lambda shown: certificates[shown])[-KEPT:]
    device.certificates = {shown: certificates[shown] for shown in newest}
    return [shown for shown in certificates if shown not in newest]


def check_renewal(device: Device, now_s: int) -> None:
    """Refuses who has two new ones already: with a third, one that is in use would have to go."""
    new = sorted(each for each in device.certificates.values() if each - now_s > NEW_ABOVE_S)
    if len(new) < KEPT - 1:
        return
    days = math.ceil((new[1 - KEPT] - NEW_ABOVE_S - now_s) / 86_400)
    raise EngineError(
        Code.RESOURCE_EXHAUSTED,
        "RATE_EXCEEDED",
        f"{device.name} has {len(new)} new certificates. The next one can be had in {days} days; until then "
        "a code enrols it (kasir access devices code).",
        {"device": device.name, "days": str(days)},
    )
