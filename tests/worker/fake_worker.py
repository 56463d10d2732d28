"""A GPU process that can be told to misbehave. Standard library only; speaks the protocol from its own writing of it.

    python fake_worker.py MODE [name=value ...]

Modes: ok, silent, crash, kill_itself, hang, freeze, garbage, flood, stray_line, out_of_memory, fails, lacks_torch,
old_protocol, other_version, dies_at_start, ignores_cancel, stubborn, wrong_frame, with_child, chatty.
Names: frames (3), pause_s (0.02 a frame), at (frame before which it misbehaves, 1).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

MODE = sys.argv[1] if len(sys.argv) > 1 else "ok"
OPTIONS = {"frames": 3.0, "pause_s": 0.02, "at": 1.0}
OPTIONS |= {name: float(value) for name, value in (text.split("=") for text in sys.argv[2:])}
HEARTBEAT_S = 0.1

_lock = threading.Lock()
_cancelled = threading.Event()
_frozen = threading.Event()
_job: dict = {}


def send(**document) -> None:
    with _lock:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **document}) + "\n")
        sys.stdout.flush()


def fail(number: int, name: str, sentence: str) -> None:
    send(id=number, error={"code": -32000, "message": sentence, "data": {"name": name}})


def facts() -> dict:
    from mosaic_core import VERSION

    return {
        "protocol_version": 0 if MODE == "old_protocol" else 1,
        "mosaic_version": "0.0.9" if MODE == "other_version" else VERSION,
        "python": sys.executable,
        "python_version": "3.11.0",
        "pid": os.getpid(),
        "torch_version": None if MODE == "lacks_torch" else "2.9.0",
        "devices": [{"kind": "cpu", "name": "Fake CPU", "free_bytes": 2**30, "total_bytes": 2**31}],
        "engines": ["preview"],
        "error": "This Python lacks torch" if MODE == "lacks_torch" else None,
    }


def png(height: int, width: int, shade: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes([shade]) * 3 * width) * height)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def misbehave(number: int) -> bool:
    """Do what the mode says in the middle of a job; true when the job is over by it."""
    match MODE:
        case "crash":
            sys.stderr.write("about to crash\nRuntimeError: the reactor is too hot\n")
            sys.stderr.flush()
            os._exit(3)
        case "kill_itself":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3600)  # the heartbeat goes on
        case "freeze":
            _frozen.set()
            time.sleep(3600)
        case "out_of_memory":
            fail(number, "out_of_memory", "Memory ran out on Fake CPU: choose a smaller size")
        case "fails":
            fail(number, "failed", "the memory file does not exist: nowhere.mosaic")
        case "with_child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])
            (Path(_job["out_dir"]) / "child.pid").write_text(str(child.pid))
            os._exit(4)
        case _:
            return False
    return True


def generate(number: int, params: dict) -> None:
    out_dir = Path(params["out_dir"])
    partial = out_dir / f".mosaic-partial-{os.getpid()}"
    (partial / "frames").mkdir(parents=True)
    total = int(OPTIONS["frames"])
    for index in range(total):
        time.sleep(OPTIONS["pause_s"])
        if index == int(OPTIONS["at"]) and misbehave(number):
            return
        if _cancelled.is_set() and MODE not in ("ignores_cancel", "stubborn"):
            shutil.rmtree(partial)
            return fail(number, "cancelled", "The job was cancelled")
        file = partial / "frames" / f"frame_{index + 1:04d}.png"
        file.write_bytes(png(36, 64, (50 + 10 * index) % 256))
        frame = {"index": index, "total": total, "frame_number": index + 1, "file": str(file)}
        if MODE == "wrong_frame":
            frame["total"] = "many"
        told = {"job_id": params["job_id"], "covered_fraction": 0.5, "seconds_left": 1.0 * (total - index)}
        send(method="frame", params=frame | told)
    names = {"video_file": "clip.mp4", "manifest_file": "manifest.json"}
    for name in names.values():
        (partial / name).write_text("{}")
    for entry in partial.iterdir():
        entry.rename(out_dir / entry.name)
    partial.rmdir()
    clip = {"folder": out_dir, "frames_dir": out_dir / "frames"}
    clip |= {key: out_dir / name for key, name in names.items()}
    send(id=number, result={key: str(path) for key, path in clip.items()})
    _job.clear()


def beat() -> None:
    while not _frozen.is_set():
        send(method="heartbeat", params={})
        time.sleep(HEARTBEAT_S)


def before_hello() -> None:
    if MODE == "dies_at_start":
        sys.exit("ImportError: libtorch.so: cannot open shared object file")
    if MODE == "garbage":
        for number in range(30):
            print(f"Welcome to line {number} of something else")
        sys.stdout.flush()
    if MODE == "flood":
        while True:
            sys.stdout.buffer.write(b"x" * 65536)
    if MODE == "stray_line":
        print("a harmless warning", flush=True)  # borne: less than a handful


def obey(request: dict) -> None:
    number, params = request["id"], request.get("params", {})
    match request["method"]:
        case "hello":
            if MODE != "silent":
                threading.Thread(target=beat, daemon=True).start()
                send(id=number, result=facts())
            if MODE == "chatty":
                print("loading shards\n" * 30, flush=True)
        case "generate":
            _job.update(params)
            threading.Thread(target=generate, args=(number, params), daemon=True).start()
        case "cancel":
            _cancelled.set()
            send(id=number, result={"cancelling": True})


def main() -> None:
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    before_hello()
    for line in sys.stdin:
        obey(json.loads(line))
    if MODE in ("silent", "stubborn", "hang", "freeze", "ignores_cancel"):
        time.sleep(3600)  # does not even mind that its input closed


if __name__ == "__main__":
    main()
