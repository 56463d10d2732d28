"""The client runs inside Blender: nothing but the standard library may be needed to import and to use it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mosaic_core

ROOT = Path(mosaic_core.__file__).resolve().parent.parent
FAKE = Path(__file__).with_name("fake_worker.py")

CODE = """
import sys
from pathlib import Path

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "torch", "PIL", "av", "bpy", "scipy"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, sys.argv[1])
from mosaic_core.worker import JobRunner, run_blocking
folder = Path(sys.argv[3])
runner = JobRunner(sys.executable, shot_json={}, out_dir=folder, log_file=folder / "worker.log",
                   command=[sys.executable, sys.argv[2], "ok"])
run_blocking(runner, interval_s=0.01)
foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(foreign - {"mosaic_core", "__main__", "__mp_main__"}))
"""


def test_a_whole_job_runs_with_the_standard_library_alone(tmp_path):
    # -S: no site-packages at all, so whatever is loaded beyond the standard library is a finding.
    command = [sys.executable, "-I", "-S", "-c", CODE, str(ROOT), str(FAKE), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
