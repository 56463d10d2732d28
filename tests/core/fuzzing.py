"""Damaged and hostile files, made from valid ones by a seeded hand, and what every reader owes them.

A reader either gives a result or raises `MosaicError` in one line. It never hangs, never writes, and never takes more
memory than twice what the file says it holds. Bytes are mutated blindly; JSON and zips also from within, with checksums
made right again, since a blind change hardly gets past a checksum.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import resource
import signal
import struct
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mosaic_core.errors import MosaicError

Files = dict[str, bytes]  # by name inside a folder; "" where the reader takes one file

SECONDS_A_CASE = 20
# What a reader may take beside its data: the parser's own state, error texts, small buffers.
SLACK_BYTES = 4 << 20
# No reader of the small files used here needs this much more address space; what asks for it believed a lie.
ADDRESS_SPACE_BYTES = 1 << 30

_WORDS = (
    *(b"nan inf -inf 1e999 -1 0 null true [] {} \"x\" 9e18 16385 ../../x \x00 \xff\xfe \r\n".split(b" ")),
    *(b"9" * 40, b"[" * 60, b'{"a":' * 60, b"\xff" * 4, b"\xff" * 8, b"\x00" * 8, b"\x7f\xff\xff\xff"),
    b"\xff\xff\xff\x7f",
)  # fmt: skip


def _deep(levels: int) -> list:
    nested: list = []
    for _ in range(levels):
        nested = [nested]
    return nested


_VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**40, 16385, 0.5, -0.0, 1e308, "", "x", "../../x", "\x00",
    "9" * 500, [], {}, [None], [[]], ["x"] * 9, [1e308] * 16, [0] * 16, {"a": []}, _deep(300),
)  # fmt: skip

_writes: list[str] = []
_watching = False


def _audit(event: str, arguments: tuple) -> None:
    if _watching and event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        _writes.append(str(arguments[0]))
    elif _watching and event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "subprocess.Popen", "os.system"):
        _writes.append(event)


sys.addaudithook(_audit)


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """The same bytes with one to five random injuries."""
    injured = bytearray(data) or bytearray(b" ")
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 5]))):
        injured = injured or bytearray(b" ")
        at, kind = int(rng.integers(len(injured))), int(rng.integers(8))
        if kind == 0:
            del injured[at:]
        elif kind == 1:
            injured[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            injured[at] = int(rng.integers(256))
        elif kind == 3:
            del injured[at : at + int(rng.integers(1, 60))]
        elif kind == 4:
            word = _WORDS[int(rng.integers(len(_WORDS)))]
            injured[at : at + len(word)] = word
        elif kind == 5:
            injured[at:at] = injured[at : at + int(rng.integers(1, 200))]
        elif kind == 6:
            injured[at:at] = rng.integers(0, 256, int(rng.integers(1, 40)), dtype=np.uint8).tobytes()
        else:
            injured += bytes(int(rng.integers(1, 4096)))
    return bytes(injured)


def mutated_json(document: Any, rng: np.random.Generator) -> Any:
    """The same document with one value replaced, dropped or doubled, somewhere inside."""
    document = json.loads(json.dumps(document))
    parent, key, node = None, None, document
    while isinstance(node, dict | list) and node and (parent is None or rng.random() < 0.8):
        parent = node
        key = list(node)[int(rng.integers(len(node)))] if isinstance(node, dict) else int(rng.integers(len(node)))
        node = node[key]
    if parent is None:
        return _VALUES[int(rng.integers(len(_VALUES)))]
    kind = rng.random()
    if kind < 0.7:
        parent[key] = _VALUES[int(rng.integers(len(_VALUES)))]
    elif kind < 0.85:
        del parent[key]
    elif isinstance(parent, list):
        parent.append(node)
    else:
        parent[str(rng.integers(10))] = node
    return document


def mutated_json_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """The same JSON text with one value changed; the text itself stays valid."""
    return json.dumps(mutated_json(json.loads(data), rng)).encode()


def mutated_zip(data: bytes, rng: np.random.Generator) -> bytes:
    """The same zip with one member changed from within; its CRC, and a checksum in our manifest, fit again."""
    members = dict(_members_of(data))
    name = list(members)[int(rng.integers(len(members)))]
    texts = [n for n in members if n.endswith(".json")]
    if texts and rng.random() < 0.5:
        name = texts[int(rng.integers(len(texts)))]
    if name.endswith(".json") and rng.random() < 0.9:
        members[name] = mutated_json_bytes(members[name], rng)
    else:
        members[name] = mutated(members[name], rng)
        members = {n: _with_checksum(n, d, name, members[name]) for n, d in members.items()}
    if rng.random() < 0.1:
        members[("../../outside", "/outside", "manifest.json", "x" * 300)[int(rng.integers(4))]] = b"x"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return buffer.getvalue()


def mutated_glb(data: bytes, rng: np.random.Generator) -> bytes:
    """The same GLB file with one value of its JSON changed; its lengths fit again."""
    length = int.from_bytes(data[12:16], "little")
    text = mutated_json_bytes(data[20 : 20 + length], rng)
    text += b" " * (-len(text) % 4)
    rest = data[20 + length :]
    return data[:8] + struct.pack("<II", 20 + len(text) + len(rest), len(text)) + data[16:20] + text + rest


@functools.lru_cache(maxsize=2)
def _members_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _with_checksum(name: str, data: bytes, changed: str, content: bytes) -> bytes:
    """A manifest that lists the changed member, with its new checksum."""
    if not name.endswith(".json") or name == changed:
        return data
    with contextlib.suppress(ValueError, TypeError, KeyError):
        document = json.loads(data)
        document["members"][changed.removesuffix(".npy")]["sha256"] = hashlib.sha256(content).hexdigest()
        return json.dumps(document).encode()
    return data


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Bound the time of each case, the address space of them all, and notice every file opened for writing."""
    global _watching

    def too_slow(_signal: int, _frame: object) -> None:
        raise AssertionError(f"a file kept the reader busy for more than {SECONDS_A_CASE} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ADDRESS_SPACE_BYTES, hard))
    previous = signal.signal(signal.SIGALRM, too_slow)
    tracemalloc.start()
    try:
        yield
    finally:
        _watching = False
        tracemalloc.stop()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def refusal_of(read: Callable[[], object], *, declared_bytes: int) -> str | None:
    """The sentence this file is refused with, None where it was read. Fails otherwise. Inside `guarded`."""
    most = 2 * declared_bytes + SLACK_BYTES
    _writes.clear()
    text, peak = _once(read)
    if peak > most:
        # A thread that another test left at work counts as well: what the reader itself takes, it takes again.
        text, peak = _once(read)
    assert peak <= most, f"{peak} bytes for a file of {declared_bytes}: {text}"
    assert not _writes, f"a reader wrote: {_writes}"
    assert text is None or ("\n" not in text and len(text) < 1000), text
    return text


def _once(read: Callable[[], object]) -> tuple[str | None, int]:
    """The refusal, and how many bytes were held at most meanwhile."""
    global _watching
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    signal.setitimer(signal.ITIMER_REAL, SECONDS_A_CASE)
    _watching = True
    text = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            read()
    except MosaicError as error:
        text = str(error)
    finally:
        _watching = False
        signal.setitimer(signal.ITIMER_REAL, 0)
    return text, tracemalloc.get_traced_memory()[1] - before


def fuzz(
    read: Callable[[Path], object],
    files: Files,
    folder: Path,
    *,
    cases: int,
    seed: int,
    declared_bytes: int,
    inner: Callable[[bytes, np.random.Generator], bytes] | None = None,
) -> int:
    """Read `cases` mutations of a valid file (or of one file of a valid folder); how many were refused.

    `inner` mutates from within and gets two thirds of the cases. What fails is left at `folder/failing`.
    """
    rng = np.random.default_rng(seed)
    place = folder / "failing"
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name if name else place).write_bytes(data)
    names, refused = sorted(files), 0
    with guarded():
        for case in range(cases):
            name = names[int(rng.integers(len(names)))]
            injure = inner if inner is not None and case % 3 else mutated
            (place / name if name else place).write_bytes(injure(files[name], rng))
            try:
                refused += refusal_of(lambda: read(place), declared_bytes=declared_bytes) is not None
            except BaseException as error:
                raise AssertionError(f"case {case} of seed {seed}, {name or place.name}: {error!r}") from error
            (place / name if name else place).write_bytes(files[name])
    return refused
