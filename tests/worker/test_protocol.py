"""What may stand on a line, what may not, and how an ending is worded."""

from __future__ import annotations

import json

import pytest

from mosaic_core.worker.exits import exit_in_words, log_tail, telling_line
from mosaic_core.worker.protocol import (
    MAX_LINE_BYTES,
    Device,
    Failure,
    Notification,
    ProtocolError,
    Request,
    Result,
    WorkerFacts,
    decode,
    encode,
    facts_from_json,
    facts_to_json,
)


@pytest.mark.parametrize(
    "message",
    [
        Request(1, "generate", {"out_dir": "/a b/ü\u2028\n"}),
        Notification("heartbeat"),
        Result(2, {"frames": [1, 2.5, None]}),
        Failure(3, "out_of_memory", "Memory ran out"),
        Failure(None, "invalid_message", "what?"),
    ],
)
def test_a_message_is_one_line_and_comes_back_equal(message):
    line = encode(message)
    assert line.endswith(b"\n") and len(line.splitlines()) == 1
    assert json.loads(line)["jsonrpc"] == "2.0"
    assert decode(line) == message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes", {1, 2}])
def test_what_json_cannot_carry_is_refused(value):
    with pytest.raises(ProtocolError, match="JSON cannot carry"):
        encode(Notification("frame", {"value": value}))


@pytest.mark.parametrize(
    "line",
    [
        b"Loading weights: 45%\n",
        b"\xff\xfe\x00\n",
        b"{\n",
        b"42\n",
        b"[]\n",
        b"null\n",
        b'{"method": "hello", "id": 1}\n',
        b'{"jsonrpc": "2.0"}\n',
        b'{"jsonrpc": "2.0", "id": 1}\n',
        b'{"jsonrpc": "2.0", "id": "one", "method": "hello"}\n',
        b'{"jsonrpc": "2.0", "id": true, "method": "hello"}\n',
        b'{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": [1]}\n',
        b'{"jsonrpc": "2.0", "id": 1, "result": 7}\n',
        b'{"jsonrpc": "2.0", "result": {}}\n',
        b"[" * 100_000,
        b" " * (MAX_LINE_BYTES + 1),
    ],
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ProtocolError) as raised:
        decode(line)
    assert len(str(raised.value)) < 250 and str(raised.value).isprintable()


def test_facts_come_back_equal_and_odd_ones_do_not_raise():
    devices = (Device("cuda", "GPU", 2**30, 2**33), Device("cpu", "CPU"))
    facts = WorkerFacts(1, "1.0", "/python", "3.11.4", 42, "2.9", devices, ("preview",))
    assert facts_from_json(json.loads(json.dumps(facts_to_json(facts)))) == facts
    assert facts.device == "GPU (1.0 GB free)"
    odd = {"protocol_version": "x", "devices": [3, {"name": 5}], "engines": 7, "pid": -1}
    assert facts_from_json(odd).protocol_version == 0
    assert facts_from_json(odd).pid is None
    assert facts_from_json({}) == WorkerFacts()


@pytest.mark.parametrize(
    ("code", "platform", "words"),
    [
        (0, "linux", "ended with exit code 0"),
        (3, "linux", "ended with exit code 3"),
        (-9, "linux", "was killed (signal 9), often because memory ran out"),
        (137, "linux", "was killed (signal 9), often because memory ran out"),
        (-11, "darwin", "crashed (signal 11, segmentation fault)"),
        (-10, "linux", "was ended by signal 10"),
        (-250, "linux", "ended with exit code -250"),
        (0xC0000005, "win32", "crashed (access violation)"),
        (-1073741819, "win32", "crashed (access violation)"),
        (1, "win32", "ended with exit code 1"),
    ],
)
def test_an_exit_code_is_said_in_words(code, platform, words):
    assert exit_in_words(code, platform=platform).startswith(words)


def test_the_end_of_a_log_is_short_and_its_verdict_found(tmp_path):
    log = tmp_path / "worker.log"
    log.write_bytes(b"x" * 100_000 + b"\n" + b"".join(b"line %d\n\n" % n for n in range(100)) + b"\xff")
    assert len(log_tail(log)) == 20 and log_tail(log)[-2] == "line 99"
    assert log_tail(tmp_path / "none.log") == ()
    assert telling_line(()) == ""
    crash = ("Fatal Python error: Segmentation fault", "", "  File x.py", "Extension modules: a, b")
    assert telling_line(crash) == "Fatal Python error: Segmentation fault"
    assert len(telling_line(("y" * 1000,))) < 250
