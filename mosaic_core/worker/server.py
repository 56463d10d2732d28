"""The far end of the pipe: the GPU process. It runs one job at a time and never outlives whoever started it.

Three threads share the work. The main thread imports torch and runs the job. A reader thread takes the messages, so
that a cancel, a second job or the end of the input is seen at once, however busy the main thread is. A heartbeat
thread lets the client tell a busy process from a frozen one. When the input closes (Blender quit or crashed) the
reader removes the running job's half-written files and ends the process on the spot.
"""

from __future__ import annotations

import faulthandler
import gc
import math
import multiprocessing
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ..errors import Cancelled, MosaicError
from .facts import collect_facts, devices_of
from .partial import remove_partial
from .protocol import (
    MAX_LINE_BYTES,
    Failure,
    Message,
    Notification,
    ProtocolError,
    Request,
    Result,
    WorkerFacts,
    decode,
    encode,
    facts_to_json,
)

HEARTBEAT_S = 2.0
# A C call that keeps the interpreter to itself this long stops the reader too, and the process could outlive Blender.
FROZEN_S = 120.0

# Runs a shot: (shot document, output folder, say a frame was made, should stop?) -> clip document.
RunJob = Callable[[dict[str, Any], Path, Callable[[dict[str, Any]], None], Callable[[], bool]], dict[str, Any]]


@dataclass
class _Job:
    request_id: int
    job_id: str
    shot: dict[str, Any]
    out_dir: Path
    stop: threading.Event = field(default_factory=threading.Event)


class Server:
    """Answers requests read from `incoming` on `outgoing`; `serve` returns only by ending the process."""

    def __init__(
        self,
        incoming: BinaryIO,
        outgoing: BinaryIO,
        *,
        run_job: RunJob,
        facts: Callable[[], WorkerFacts] = collect_facts,
        end_process: Callable[[int], NoReturn] = os._exit,
    ) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._run_job, self._facts, self._end_process = run_job, facts, end_process
        self._work: queue.SimpleQueue[int | _Job] = queue.SimpleQueue()
        self._job: _Job | None = None
        self._job_lock, self._write_lock = threading.Lock(), threading.Lock()

    def serve(self) -> NoReturn:
        """Work until the input closes; then the process ends."""
        threading.Thread(target=self._beat, name="mosaic-heartbeat", daemon=True).start()
        threading.Thread(target=self._read, name="mosaic-reader", daemon=True).start()
        while True:
            work = self._work.get()
            if isinstance(work, _Job):
                answer = self._do(work)
                with self._job_lock:
                    self._job = None
                self._send(answer)
            else:
                self._send(Result(work, facts_to_json(self._facts())))

    # The reader thread.

    def _read(self) -> None:
        try:
            while line := self._incoming.readline(MAX_LINE_BYTES + 1):
                self._take(line)
        except OSError as error:
            _log(f"the input broke: {error}")
        except Exception:
            # Without its reader the process would neither obey nor notice that Blender is gone.
            _log(traceback.format_exc())
            self._end(3)
        self._end(0)

    def _take(self, line: bytes) -> None:
        try:
            message = decode(line)
        except ProtocolError as error:
            self._send(Failure(None, "invalid_message", f"The GPU process was sent {error}"))
            if len(line) > MAX_LINE_BYTES:
                self._end(2)  # where the next message begins is anybody's guess
            return
        if not isinstance(message, Request):
            return
        match message.method:
            case "hello":
                self._work.put(message.id)
            case "generate":
                self._take_job(message)
            case "cancel":
                self._send(Result(message.id, {"cancelling": self._cancel(message.params.get("job_id"))}))
            case "shutdown":
                self._send(Result(message.id, {}))
                self._end(0)
            case unknown:
                self._send(Failure(message.id, "unknown_method", f"There is no request named {unknown}"))

    def _take_job(self, request: Request) -> None:
        job_id, shot, out_dir = (request.params.get(key) for key in ("job_id", "shot", "out_dir"))
        if not (isinstance(job_id, str) and isinstance(shot, dict) and isinstance(out_dir, str)):
            expected = "generate expects job_id (text), shot (an object) and out_dir (text)"
            self._send(Failure(request.id, "invalid_params", expected))
            return
        with self._job_lock:
            busy = self._job is not None
            if not busy:
                self._job = _Job(request.id, job_id, shot, Path(out_dir).absolute())
                self._work.put(self._job)
        if busy:
            sentence = "The GPU process already runs a job: wait for it or cancel it first"
            self._send(Failure(request.id, "busy", sentence))

    def _cancel(self, job_id: Any) -> bool:
        with self._job_lock:
            job = self._job
        if job is None or job.job_id != job_id:
            return False
        job.stop.set()
        return True

    def _end(self, exit_code: int) -> NoReturn:
        """End the process now, without waiting for the job, but not without tidying up behind it."""
        with self._job_lock:
            job = self._job
        for child in multiprocessing.active_children():
            child.kill()
        if job is not None:
            job.stop.set()
            remove_partial(job.out_dir, os.getpid())
        self._end_process(exit_code)

    # The main thread.

    def _do(self, job: _Job) -> Message:
        """Run the job and make its answer. Frees memory after a failure, when its frames are gone."""
        answer = self._attempt(job)
        if isinstance(answer, Failure):
            gc.collect()
            torch = sys.modules.get("torch")
            if torch is not None and torch.cuda.is_available():
                torch.cuda.empty_cache()
        return answer

    def _attempt(self, job: _Job) -> Message:
        def say_frame(params: dict[str, Any]) -> None:
            self._send(Notification("frame", {"job_id": job.job_id, **_finite(params)}))

        try:
            clip = self._run_job(job.shot, job.out_dir, say_frame, job.stop.is_set)
            return Result(job.request_id, clip)
        except Cancelled:
            return Failure(job.request_id, "cancelled", "The job was cancelled")
        except Exception as error:
            return Failure(job.request_id, *_name_and_sentence(error))

    # Any thread.

    def _send(self, message: Message) -> None:
        try:
            line = encode(message)
        except ProtocolError as error:
            assert not isinstance(message, Failure)
            number = message.id if isinstance(message, (Request, Result)) else None
            line = encode(Failure(number, "failed", f"The GPU process made {error}"))
        try:
            with self._write_lock:
                self._outgoing.write(line)
                self._outgoing.flush()
        except OSError:
            self._end(0)  # nobody listens any more

    def _beat(self) -> None:
        pause = threading.Event()
        while True:
            faulthandler.dump_traceback_later(FROZEN_S, exit=True)
            self._send(Notification("heartbeat"))
            pause.wait(HEARTBEAT_S)


def _finite(params: dict[str, Any]) -> dict[str, Any]:
    """A time left that is not known yet may be NaN or infinite, for which JSON has no form."""
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in params.items()
    }


def _name_and_sentence(error: Exception) -> tuple[str, str]:
    """The error's name and sentence for the artist; whatever is a defect of ours goes to the log with its traceback."""
    if is_out_of_memory(error):
        devices = devices_of(sys.modules.get("torch"))
        device = devices[-1 if isinstance(error, MemoryError) else 0]
        return "out_of_memory", (
            f"Memory ran out on {device}: choose a smaller size, or free memory "
            "(Blender and its renderer hold some too)"
        )
    if isinstance(error, MosaicError):
        return "failed", str(error)
    _log("".join(traceback.format_exception(error)))
    first_line = (str(error).strip().splitlines() or ["no reason given"])[0][:300]
    return "failed", f"The GPU process met an unexpected {type(error).__name__}: {first_line}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this error, or one that caused it, says that main or GPU memory ran out."""
    seen: BaseException | None = error
    while seen is not None:
        # torch has its own class on CUDA; on MPS and the CPU it is a RuntimeError with these words.
        words = str(seen).lower() if isinstance(seen, RuntimeError) else ""
        if (
            isinstance(seen, MemoryError)
            or type(seen).__name__ == "OutOfMemoryError"
            or "out of memory" in words
            or "not enough memory" in words
            or "can't allocate memory" in words
        ):
            return True
        seen = seen.__cause__
    return False


def run_generate(
    shot: dict[str, Any],
    out_dir: Path,
    say_frame: Callable[[dict[str, Any]], None],
    should_stop: Callable[[], bool],
) -> dict[str, Any]:
    """Generate the shot, each frame told as it is made. Raises what `mosaic_core.generate` raises."""
    from ..generate import FrameDone, generate, shot_from_json

    def on_event(event: Any) -> None:
        if isinstance(event, FrameDone):
            say_frame(
                {
                    "index": int(event.index),
                    "total": int(event.total),
                    "frame_number": int(event.frame_number),
                    "file": str(event.rgb_file),
                    "covered_fraction": float(event.covered_fraction),
                    "seconds_left": None if event.seconds_left is None else float(event.seconds_left),
                }
            )

    clip = generate(shot_from_json(shot), out_dir, on_event=on_event, should_stop=should_stop)
    names = ("folder", "frames_dir", "video_file", "manifest_file")
    return {name: str(getattr(clip, name)) for name in names}


def main(*, run_job: RunJob = run_generate, facts: Callable[[], WorkerFacts] = collect_facts) -> NoReturn:
    """Be the GPU process on this process's standard input and output. Does not return."""
    faulthandler.enable()
    incoming, outgoing = _private_streams()
    Server(incoming, outgoing, run_job=run_job, facts=facts).serve()


def _private_streams() -> tuple[BinaryIO, BinaryIO]:
    """The real input and output for us alone; any library that prints, prints into the log, and reads nothing."""
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _log(text: str) -> None:
    """To standard error, which is the log the client opened."""
    sys.stderr.write(text.rstrip() + "\n")
    sys.stderr.flush()
