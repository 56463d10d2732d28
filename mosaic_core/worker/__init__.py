"""The GPU process: a child Python that runs the engines, and the client that drives it.

Everything imported here is standard library only, because Blender and the command line both load it. The process itself
(`python -m mosaic_core.worker`) is in `server`, which nothing here imports.
"""

from .client import WorkerClient
from .jobs import JobState, Limits, Phase
from .protocol import Device, WorkerFacts
from .runner import JobGuard, JobRunner, probe_python, run_blocking, start_probe

__all__ = [
    "Device",
    "JobGuard",
    "JobRunner",
    "JobState",
    "Limits",
    "Phase",
    "WorkerClient",
    "WorkerFacts",
    "probe_python",
    "run_blocking",
    "start_probe",
]
