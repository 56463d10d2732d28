"""The real GPU process: what it answers, and that it never stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import mosaic_core
from mosaic_core.worker import WorkerClient, probe_python
from mosaic_core.worker.protocol import Failure, Notification, Result

from .fake_jobs import process_runs, wait_until

STUB = Path(__file__).with_name("stub_server.py")
ROOT = Path(mosaic_core.__file__).resolve().parent.parent


class Talk:
    """A client and everything it has heard."""

    def __init__(self, client: WorkerClient) -> None:
        self.client, self.heard = client, []

    def hear(self, wanted, *, limit_s: float = 5.0):
        """The first message for which `wanted(message)` is true."""

        def came() -> bool:
            self.heard += self.client.poll()
            return any(wanted(message) for message in self.heard)

        assert wait_until(came, limit_s=limit_s), (self.heard, self.client.log_file.read_text())
        return next(message for message in self.heard if wanted(message))

    def answer(self, number: int):
        return self.hear(lambda message: getattr(message, "id", 0) == number)

    def frame(self):
        return self.hear(lambda message: getattr(message, "method", "") == "frame")

    def generate(self, out_dir: Path, do: str, *, job_id: str = "a", **more) -> int:
        shot = {"do": do, **more}
        params = {"job_id": job_id, "shot": shot, "out_dir": str(out_dir)}
        return self.client.request("generate", params)


@pytest.fixture
def talk(tmp_path):
    client = WorkerClient.start(
        sys.executable, log_file=tmp_path / "worker.log", command=[sys.executable, "-S", str(STUB)]
    )
    yield Talk(client)
    client.close()
    assert not process_runs(client.pid)


def test_it_generates_and_prints_of_libraries_land_in_the_log(talk, tmp_path):
    hello = talk.answer(talk.client.request("hello"))
    assert hello.result["protocol_version"] == 1 and hello.result["pid"] == talk.client.pid
    clip = talk.answer(talk.generate(tmp_path, "frames"))
    assert isinstance(clip, Result)
    assert clip.result["stdin"] == "", "the job read what was meant for the server"
    frames = [message.params for message in talk.heard if getattr(message, "method", "") == "frame"]
    assert [frame["index"] for frame in frames] == [0, 1, 2]
    assert frames[0]["job_id"] == "a" and frames[0]["seconds_left"] is None
    log = (tmp_path / "worker.log").read_text()
    for printed in ("a library that greets", "a program that does, too", "noise 2"):
        assert printed in log
    assert "[printed]" not in log, "it came through the messages' pipe"


def test_it_says_that_it_lives(talk):
    assert talk.hear(lambda message: message == Notification("heartbeat"))


@pytest.mark.parametrize(
    ("do", "name", "words"),
    [
        ("memory", "out_of_memory", "Memory ran out on CPU"),
        ("torch_memory", "out_of_memory", "choose a smaller size"),
        ("hidden_memory", "out_of_memory", "Memory ran out"),
        ("refuse", "failed", "the memory file does not exist: nowhere.mosaic"),
        ("defect", "failed", "unexpected ZeroDivisionError: division by zero"),
        ("not_json", "failed", "a message that JSON cannot carry"),
    ],
)
def test_a_failed_job_is_one_sentence_and_the_next_one_runs(talk, tmp_path, do, name, words):
    answer = talk.answer(talk.generate(tmp_path, do))
    assert isinstance(answer, Failure) and answer.name == name
    assert words in answer.message and "\n" not in answer.message
    assert ("Traceback" in (tmp_path / "worker.log").read_text()) == (do == "defect")
    assert isinstance(talk.answer(talk.generate(tmp_path, "frames")), Result)


def test_what_a_failed_job_held_is_free_before_the_answer(talk, tmp_path):
    talk.answer(talk.generate(tmp_path, "memory"))
    assert "the tensor is freed" in (tmp_path / "worker.log").read_text()


def test_a_second_job_at_once_is_refused_and_the_first_goes_on(talk, tmp_path):
    first = talk.generate(tmp_path, "endless", job_id="first")
    talk.frame()
    second = talk.answer(talk.generate(tmp_path, "frames", job_id="second"))
    assert isinstance(second, Failure) and second.name == "busy"
    other = talk.answer(talk.client.cancel("second"))
    assert other.result == {"cancelling": False}
    mine = talk.answer(talk.client.cancel("first"))
    assert mine.result == {"cancelling": True}
    assert talk.answer(first).name == "cancelled"
    assert isinstance(talk.answer(talk.generate(tmp_path / "next", "frames")), Result)


def test_odd_requests_are_answered_not_obeyed(talk, tmp_path):
    assert talk.answer(talk.client.request("make_tea")).name == "unknown_method"
    assert talk.answer(talk.client.request("generate", {"job_id": 7})).name == "invalid_params"
    talk.client._outgoing.put(b"{ this is not JSON\n")
    assert talk.hear(lambda message: getattr(message, "name", "") == "invalid_message").id is None
    assert isinstance(talk.answer(talk.client.request("hello")), Result)


def test_shutdown_ends_it_quietly(talk):
    assert talk.answer(talk.client.request("shutdown")).result == {}
    assert wait_until(lambda: not talk.client.alive)
    assert talk.client.ending_in_words == "ended with exit code 0"


def test_closing_its_input_ends_it_in_the_middle_of_a_deaf_job(talk, tmp_path):
    talk.generate(tmp_path / "out", "endless", deaf=True)
    talk.frame()
    assert len(list((tmp_path / "out").iterdir())) == 1
    talk.client.close_input()
    assert wait_until(lambda: not talk.client.alive)
    assert list((tmp_path / "out").iterdir()) == []


def test_it_dies_with_the_program_that_started_it(tmp_path):
    """What Blender's crash looks like from here: the parent is killed without a chance to say anything."""
    parent_code = f"""
import sys, time
from pathlib import Path
from mosaic_core.worker import WorkerClient
folder = Path({str(tmp_path)!r})
client = WorkerClient.start(sys.executable, log_file=folder / "worker.log",
                            command=[sys.executable, "-S", {str(STUB)!r}])
shot = {{"do": "endless", "deaf": True}}
client.request("generate", {{"job_id": "a", "shot": shot, "out_dir": str(folder / "out")}})
while not any(getattr(message, "method", "") == "frame" for message in client.poll()):
    time.sleep(0.01)
print(client.pid, flush=True)
time.sleep(3600)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", parent_code],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with parent:
        worker_pid = int(parent.stdout.readline())
        assert process_runs(worker_pid)
        assert len(list((tmp_path / "out").iterdir())) == 1
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not process_runs(worker_pid), limit_s=3.0)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_python_without_the_packages_says_which_it_lacks():
    bootstrap = "from mosaic_core.worker.server import main; main()"
    facts = probe_python(sys.executable, command=[sys.executable, "-S", "-c", bootstrap])
    assert "lacks numpy, pillow, av, safetensors, torch" in facts.error
    assert "-m pip install numpy pillow av safetensors torch" in facts.error
    assert facts.torch_version is None and facts.python_version
    assert "Traceback" not in facts.error


def test_a_torch_that_does_not_load_is_said_to_be_broken(tmp_path):
    for name in ("numpy", "PIL", "av", "safetensors"):
        (tmp_path / f"{name}.py").write_text("")
    (tmp_path / "torch.py").write_text("raise OSError('libcudart.so: no such file')\n")
    bootstrap = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from mosaic_core.worker.server import main; main()"
    facts = probe_python(sys.executable, command=[sys.executable, "-S", "-c", bootstrap])
    assert "cannot load torch (libcudart.so: no such file)" in facts.error


def test_files_beside_the_log_do_not_pass_for_packages(tmp_path):
    """The process starts in the log's folder; an artist's numpy.py there is not NumPy."""
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported the wrong file')\n")
    client = WorkerClient.start(
        sys.executable,
        log_file=tmp_path / "worker.log",
        command=[sys.executable, "-S", "-c", "import numpy"],
    )
    try:
        assert wait_until(lambda: not client.alive)
        assert "ModuleNotFoundError" in (tmp_path / "worker.log").read_text()
    finally:
        client.close()


def test_blenders_python_settings_do_not_reach_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    code = (
        "import os, sys; sys.exit(' '.join(f'{name}={os.environ[name]}' "
        "for name in sorted(os.environ) if name.startswith('PYTHON')))"
    )
    client = WorkerClient.start(
        sys.executable,
        log_file=tmp_path / "worker.log",
        package_root=tmp_path,
        command=[sys.executable, "-c", code],
    )
    try:
        assert wait_until(lambda: not client.alive)
        said = (tmp_path / "worker.log").read_text().strip()
        assert said == f"PYTHONPATH={tmp_path} PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 PYTHONUTF8=1"
    finally:
        client.close()
