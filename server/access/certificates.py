"""Which certificates of a device are good: few at once, however often one is asked for."""

import math

from engine import Code, EngineError
from server.access.ca import DEVICE_LASTS
from server.access.store import Device

# So many of a device are good at once: the one in use, and two whose answers may have got lost.
KEPT = 3
DAY_S = 86_400
LASTS_S = int(DEVICE_LASTS.total_seconds())
# One is new while more than this is left of it; seconds.
NEW_ABOVE_S = LASTS_S * 2 // 3
# Who has an answer by then uses it; seconds. Several programs of a device may ask at once.
LOST_AFTER_S = 600


def good(device: Device, now_s: int) -> dict[str, int]:
    """The certificates that are not over."""
    return {shown: expires_s for shown, expires_s in device.certificates.items() if expires_s > now_s}


def add(device: Device, fingerprint: str, expires_s: int, now_s: int) -> list[str]:
    """Takes a new certificate; returns those that are good no more, since there are newer ones."""
    certificates = good(device, now_s) | {fingerprint: expires_s}
    newest = sorted(certificates, key=lambda shown: certificates[shown])[-KEPT:]
    device.certificates = {shown: certificates[shown] for shown in newest}
    return [shown for shown in certificates if shown not in newest]


def make_room(device: Device, caller: str, now_s: int) -> list[str]:
    """Takes the newest away where there are two new ones already: with a third, one that is in use would have
    to go. Returns what is good no more. The answer with the newest was lost, if the device still calls by an
    old one (`caller`, or "") after a while; else it is refused (RATE_EXCEEDED).
    """
    certificates = good(device, now_s)
    new = [shown for shown in certificates if certificates[shown] - now_s > NEW_ABOVE_S]
    if len(new) < KEPT - 1:
        return []
    *_, second, newest = sorted(new, key=lambda shown: certificates[shown])
    if caller in certificates and caller not in new:
        wait_s = certificates[newest] - LASTS_S + LOST_AFTER_S - now_s
    else:
        wait_s = certificates[second] - NEW_ABOVE_S - now_s
    if wait_s > 0:
        raise EngineError(
            Code.RESOURCE_EXHAUSTED,
            "RATE_EXCEEDED",
            f"{device.name} has {len(new)} new certificates. The next one can be had in {_shown(wait_s)}; "
            "until then a code enrols it (kasir access devices code).",
            {"device": device.name, "retry_ms": str(wait_s * 1_000)},
        )
    del device.certificates[newest]
    return [newest]


def _shown(wait_s: int) -> str:
    days = math.ceil(wait_s / DAY_S)
    return f"{days} days" if days > 1 else f"{math.ceil(wait_s / 60)} minutes"
