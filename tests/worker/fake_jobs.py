"""What the tests of the GPU process share: short limits, waiting, and finding processes that were left behind."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mosaic_core.worker import JobRunner, Limits

# -S: the fake needs no packages, and starts in half the time without looking for them.
FAKE_COMMAND = [sys.executable, "-S", str(Path(__file__).with_name("fake_worker.py"))]
# Short where only a misbehaving process waits for the limit, generous where a slow machine might.
SHORT = Limits(
    hello_s=20.0,
    heartbeat_s=10.0,
    frame_s=10.0,
    cancel_s=0.3,
    close_s=0.3,
    terminate_s=0.3,
    kill_s=2.0,
)


def process_runs(pid: int) -> bool:
    """Whether the process does anything still; a zombie that waits for its parent does not."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except OSError:
            return False
        return True
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def wait_until(condition, *, limit_s: float = 5.0) -> bool:
    """Whether `condition()` came true in time."""
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if condition():
            return True
        time.sleep(0.01)
    return False


def run_to_end(runner: JobRunner, *, limit_s: float = 8.0):
    """Tick as Blender does until the job is over; the final state."""
    assert wait_until(lambda: runner.tick().finished, limit_s=limit_s), runner.state
    return runner.state
