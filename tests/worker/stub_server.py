"""The real server with a job that needs neither NumPy nor torch: `shot["do"]` says what the job does."""

from __future__ import annotations

import os
import sys
import time

from mosaic_core.errors import Cancelled, GenerateError
from mosaic_core.version import VERSION
from mosaic_core.worker.partial import partial_folder
from mosaic_core.worker.protocol import PROTOCOL_VERSION, WorkerFacts
from mosaic_core.worker.server import main


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


class Tensor:
    """Says when it is freed; refers to itself, as the frames of a failed model do."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        print("the tensor is freed")


def facts() -> WorkerFacts:
    print("a library that greets on standard output")
    os.system("echo a program that does, too")
    return WorkerFacts(PROTOCOL_VERSION, VERSION, sys.executable, "3", os.getpid(), "2.9.0")


def run_job(shot, out_dir, say_frame, should_stop):
    match shot["do"]:
        case "memory":
            tensor = Tensor()
            return {"never": bytes(2**62), "kept": tensor}
        case "torch_memory":
            raise OutOfMemoryError("CUDA: tried to allocate 20 GiB")
        case "hidden_memory":
            raise GenerateError("cannot make frame 1") from RuntimeError("MPS backend out of memory")
        case "refuse":
            raise GenerateError("the memory file does not exist: nowhere.mosaic")
        case "defect":
            return {"value": 1 / 0}
        case "not_json":
            return {"value": object()}
        case "exit":
            os._exit(5)
    frames = partial_folder(out_dir, os.getpid()) / "frames"
    frames.mkdir(parents=True)
    for index in range(shot.get("frames", 3)):
        if should_stop():
            (frames / "left by the job").write_text("")
            raise Cancelled("stopped")
        print(f"noise {index}")
        file = frames / f"frame_{index + 1:04d}.png"
        file.write_bytes(b"not really")
        told = {"index": index, "total": 3, "frame_number": index + 1, "file": str(file)}
        say_frame(told | {"covered_fraction": 1.0, "seconds_left": float("nan")})
        if shot["do"] == "endless":
            while not should_stop() or shot.get("deaf"):
                time.sleep(0.01)
    return {"folder": str(out_dir), "stdin": sys.stdin.read()}


if __name__ == "__main__":
    main(run_job=run_job, facts=facts)
