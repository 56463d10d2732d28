"""What the two ends of the pipe say to each other: JSON-RPC 2.0, one message a line, UTF-8, standard library only.

Lines of JSON need no port (nothing for a firewall or a second user to meet), no pickle (nothing that can run code)
and can be read in a log by a person. Arrays never travel here: they are files in the job's folder, named in messages.

    hello    {}                            -> WorkerFacts
    generate {job_id, shot, out_dir}       -> {folder, frames_dir, video_file, manifest_file}
    cancel   {job_id}                      -> {cancelling: bool}
    shutdown {}                            -> {}
    notifications of the process: frame {job_id, index, total, ...}, heartbeat {}

An error carries its name in `error.data.name` (see `ERROR_CODES`) and one sentence in `error.message`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from ..errors import WorkerError

PROTOCOL_VERSION = 1
# A path of 10 000 frames written out is some 5 MB; whatever is longer than this is not a message.
MAX_LINE_BYTES = 32 * 1024 * 1024

# JSON-RPC wants numbers: its own for its own errors, -32000 .. -32099 for ours.
ERROR_CODES = {
    "invalid_message": -32700,
    "unknown_method": -32601,
    "invalid_params": -32602,
    "failed": -32000,
    "out_of_memory": -32001,
    "cancelled": -32002,
    "busy": -32003,
}


class ProtocolError(WorkerError):
    """A line that is no message of this protocol."""


@dataclass(frozen=True)
class Request:
    """One end asks the other; answered by a `Result` or a `Failure` with the same id."""

    id: int
    method: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notification:
    """News that wants no answer."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """The answer to a request that went well."""

    id: int
    result: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """The answer to a request that did not; `id` is None where the request could not be read at all."""

    id: int | None
    name: str
    message: str


Message = Request | Notification | Result | Failure


def encode(message: Message) -> bytes:
    """One line, newline included. Raises `ProtocolError` for values JSON has no form for (NaN, objects)."""
    document: dict[str, Any] = {"jsonrpc": "2.0"}
    match message:
        case Request():
            document |= {"id": message.id, "method": message.method, "params": message.params}
        case Notification():
            document |= {"method": message.method, "params": message.params}
        case Result():
            document |= {"id": message.id, "result": message.result}
        case Failure():
            code = ERROR_CODES.get(message.name, ERROR_CODES["failed"])
            error = {"code": code, "message": message.message, "data": {"name": message.name}}
            document |= {"id": message.id, "error": error}
    try:
        # ASCII only, so that no line separator of Unicode and no odd console encoding can split or damage a line.
        text = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"a message that JSON cannot carry: {error}") from error
    return text.encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """The message on a line. Raises `ProtocolError` for anything else, an overlong line included."""
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"a line longer than {MAX_LINE_BYTES} bytes")
    try:
        document = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a JSON message: {excerpt(line)}") from error
    if not isinstance(document, dict) or document.get("jsonrpc") != "2.0":
        raise ProtocolError(f"not a JSON-RPC 2.0 message: {excerpt(line)}")
    message = _message_of(document)
    if message is None:
        raise ProtocolError(f"a malformed JSON-RPC message: {excerpt(line)}")
    return message


def _message_of(document: dict[str, Any]) -> Message | None:
    number, method, params = document.get("id"), document.get("method"), document.get("params", {})
    result, error = document.get("result"), document.get("error")
    if number is not None and type(number) is not int:
        return None
    if isinstance(method, str) and isinstance(params, dict):
        return Notification(method, params) if number is None else Request(number, method, params)
    if number is not None and isinstance(result, dict):
        return Result(number, result)
    if isinstance(error, dict):
        data = error.get("data")
        name = data.get("name") if isinstance(data, dict) else None
        return Failure(number, str(name or "failed"), str(error.get("message", "no reason given")))
    return None


def excerpt(line: bytes, *, length: int = 120) -> str:
    """The beginning of a line as printable text, for an error sentence."""
    text = line[: 4 * length].decode("utf-8", "replace").strip()
    shown = "".join(letter if letter.isprintable() else "?" for letter in text)
    return shown if len(shown) <= length else shown[:length] + " ..."


@dataclass(frozen=True)
class Device:
    """Something torch can compute on."""

    kind: str  # "cuda", "mps" or "cpu"
    name: str
    free_bytes: int | None = None  # None: not known
    total_bytes: int | None = None

    def __str__(self) -> str:
        if self.free_bytes is None:
            return self.name
        return f"{self.name} ({self.free_bytes / 2**30:.1f} GB free)"


@dataclass(frozen=True)
class WorkerFacts:
    """What the process says of itself in `hello`; `error` is one sentence where it cannot generate, else None."""

    protocol_version: int = 0
    mosaic_version: str = ""
    python: str = ""  # the interpreter that really runs, behind any launcher
    python_version: str = ""
    pid: int | None = None  # of that interpreter; on Windows a venv's launcher has another
    torch_version: str | None = None
    devices: tuple[Device, ...] = ()  # best first
    engines: tuple[str, ...] = ()
    error: str | None = None

    @property
    def device(self) -> str:
        """The device that jobs will use, in words."""
        return str(self.devices[0]) if self.devices else "no device"


def facts_to_json(facts: WorkerFacts) -> dict[str, Any]:
    """The facts as plain JSON values."""
    return dataclasses.asdict(facts)


def facts_from_json(document: dict[str, Any]) -> WorkerFacts:
    """The facts in a `hello` answer. What is absent or odd keeps its default: another version may say less.

    Only the protocol version decides whether the two ends understand each other, so this never raises.
    """
    version = document.get("protocol_version")
    pid = document.get("pid")
    return WorkerFacts(
        protocol_version=version if isinstance(version, int) else 0,
        mosaic_version=str(document.get("mosaic_version") or ""),
        python=str(document.get("python") or ""),
        python_version=str(document.get("python_version") or ""),
        pid=pid if isinstance(pid, int) and pid > 0 else None,
        torch_version=_text_or_none(document.get("torch_version")),
        devices=tuple(_device(entry) for entry in _list(document.get("devices"))),
        engines=tuple(str(name) for name in _list(document.get("engines"))),
        error=_text_or_none(document.get("error")),
    )


def _device(entry: Any) -> Device:
    values = entry if isinstance(entry, dict) else {}
    sizes = [values.get(key) for key in ("free_bytes", "total_bytes")]
    free, total = (size if isinstance(size, int) else None for size in sizes)
    return Device(str(values.get("kind") or "?"), str(values.get("name") or "?"), free, total)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
