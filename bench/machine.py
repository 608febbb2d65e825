"""What a process and the machine do, read from /proc: CPU time, load, what the machine is. Linux only."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SEQUENCER = "kasir-sequencer"
# File systems that keep nothing: what is written there is not durable, whatever fdatasync says.
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class CpuTimes:
    """CPU seconds used so far."""

    system: float
    """By the system under test: its process and all below it."""
    sequencer: float
    """By the engine's one writer, a part of `system`; 0 where there is none."""
    loader: float
    """By whatever makes the load; the same as `system` when both share one process."""
    machine: float
    """By everything on this machine."""
    shared: bool
    """Whether system and loader are one process."""


def _stat_fields(path: Path) -> list[str]:
    """Fields of /proc/…/stat from the third on; the second, the name, may hold anything."""
    return path.read_text().rpartition(")")[2].split()


def _spent(path: Path) -> float:
    """CPU seconds of a process or thread, with its children that ended."""
    fields = _stat_fields(path)
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_S


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process and of all below it; 0 once it is gone."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents.setdefault(int(_stat_fields(entry / "stat")[1]), []).append(int(entry.name))
            except OSError:
                continue  # It ended while we looked.
    total, left = 0.0, [pid]
    while left:
        each = left.pop()
        left += parents.get(each, [])
        try:
            total += _spent(PROC / str(each) / "stat")
        except OSError:
            continue
    return total


def sequencer_cpu_s(pid: int) -> float:
    """CPU seconds of the engine's writer thread in a process."""
    total = 0.0
    for task in (PROC / str(pid) / "task").iterdir():
        try:
            if (task / "comm").read_text().strip() == SEQUENCER:
                total += _spent(task / "stat")
        except OSError:
            continue
    return total


def own_memory_mib(pid: int) -> float:
    """Memory of a process that is no file's, MiB: what the store's file has mapped is left out."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def machine_cpu_s() -> float:
    """CPU seconds that this machine was busy since it started, waiting for disks not counted."""
    line = (PROC / "stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(ticks) for ticks in line[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def cpu_times(system: int, loader: int) -> CpuTimes:
    """Readings of the clocks, for two process ids."""
    return CpuTimes(
        process_cpu_s(system),
        sequencer_cpu_s(system),
        process_cpu_s(loader),
        machine_cpu_s(),
        system == loader,
    )


def load_average() -> float:
    """Processes that ran or waited for the disk, over the last minute."""
    return os.getloadavg()[0]


def file_system(path: Path) -> str:
    """Kind of the file system that holds `path`."""
    absolute = path.resolve()
    best, kind = Path("/"), "unknown"
    for line in (PROC / "mounts").read_text().splitlines():
        _device, point, found = line.split()[:3]
        mounted = Path(point)
        if absolute.is_relative_to(mounted) and len(mounted.parts) >= len(best.parts):
            best, kind = mounted, found
    return kind


def facts(scratch: Path) -> dict[str, object]:
    """The machine, for the results."""
    cpu = re.search(r"^model name\s*:\s*(.+)$", (PROC / "cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", (PROC / "meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu[1] if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(memory[1]) / 1024 / 1024, 1) if memory else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": file_system(scratch),
    }
