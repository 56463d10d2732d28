"""What this Python can do as the GPU process: versions, devices, and in one sentence what it lacks.

Runs in the process only. Packages are really imported, not looked up: a torch whose libraries do not load is there
on disk and still of no use, and the artist should hear so before a job starts.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from typing import Any

from ..version import VERSION
from .protocol import PROTOCOL_VERSION, Device, WorkerFacts

# What has to be importable, and what pip calls it.
NEEDED = {"numpy": "numpy", "PIL": "pillow", "av": "av", "safetensors": "safetensors", "torch": "torch"}


def collect_facts() -> WorkerFacts:
    """Import what the engines need and say what was found. Never raises for what is missing."""
    modules: dict[str, Any] = {}
    missing, broken = [], []
    for name, package in NEEDED.items():
        try:
            modules[name] = importlib.import_module(name)
        except ModuleNotFoundError as error:
            # A package that is there and lacks one of its own parts is broken, not missing.
            is_absent = error.name == name
            (missing if is_absent else broken).append(package if is_absent else f"{package} ({error})")
        except (ImportError, OSError, RuntimeError) as error:
            broken.append(f"{package} ({_first_line(error)})")
    torch = modules.get("torch")
    return WorkerFacts(
        protocol_version=PROTOCOL_VERSION,
        mosaic_version=VERSION,
        python=sys.executable,
        python_version=platform.python_version(),
        pid=os.getpid(),
        torch_version=str(torch.__version__) if torch is not None else None,
        devices=devices_of(torch),
        engines=() if missing or broken else _engine_names(),
        error=_complaint(missing, broken),
    )


def devices_of(torch: Any | None) -> tuple[Device, ...]:
    """Every device torch can use, best first; the processor is always there."""
    found = []
    if torch is not None and torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            found.append(_cuda_device(torch, index))
    if torch is not None and torch.backends.mps.is_available():
        total = torch.mps.recommended_max_memory() if hasattr(torch.mps, "recommended_max_memory") else None
        free = None if total is None else max(0, total - torch.mps.driver_allocated_memory())
        found.append(Device("mps", f"Apple GPU ({platform.machine()})", free, total))
    free, total = _main_memory_bytes()
    name = platform.processor() or platform.machine()
    return (*found, Device("cpu", f"CPU ({os.cpu_count()} cores, {name})", free, total))


def _cuda_device(torch: Any, index: int) -> Device:
    name = torch.cuda.get_device_name(index)
    try:
        free, total = torch.cuda.mem_get_info(index)
    except RuntimeError:  # asking needs a context of its own, which a full device has no room for
        return Device("cuda", name)
    return Device("cuda", name, free, total)


def _main_memory_bytes() -> tuple[int | None, int | None]:
    """Free and total main memory where the system says so without extra packages (Linux), else None."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            sizes = dict(line.split(":", 1) for line in lines)
        # "MemAvailable:  123 kB"
        free, total = (int(sizes[key].split()[0]) * 1024 for key in ("MemAvailable", "MemTotal"))
    except (OSError, KeyError, ValueError):
        return None, None
    return free, total


def _engine_names() -> tuple[str, ...]:
    from ..engines import ENGINE_NAMES

    return tuple(ENGINE_NAMES)


def _complaint(missing: list[str], broken: list[str]) -> str | None:
    if missing:
        names = " ".join(missing)
        return (
            f"The Python for the GPU process ({sys.executable}) lacks {', '.join(missing)}: "
            f'install with "{sys.executable}" -m pip install {names}'
        )
    if broken:
        return f"The Python for the GPU process ({sys.executable}) cannot load {'; '.join(broken)}"
    return None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
