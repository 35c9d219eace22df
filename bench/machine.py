"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARIES = (
    "faust-streaming",
    "aiokafka",
    "quixstreams",
    "confluent-kafka",
    "rocksdict",
    "orjson",
    "aiohttp",
)


def facts(broker: str) -> dict[str, str]:
    """Machine, Python, libraries and broker, in words."""
    return {
        "machine": f"{_cores()} cores, {_processor()}, {platform.system()} {platform.machine()}",
        "load before": load(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
        "broker": broker,
    }


def load() -> str:
    """The load average of the last minute: how many processes wanted to run."""
    return f"{os.getloadavg()[0]:.1f}"


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"
