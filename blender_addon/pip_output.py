"""What pip prints, in an artist's words: which package it is at and how far, and what to do where it fails.

pip has no other interface for programs than its output. The lines read here have been the same since pip 22; a line
that means nothing to us is passed over, so a new wording costs a piece of the progress and nothing else. No bpy here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

_COLLECTING = re.compile(r"Collecting ([A-Za-z0-9._-]+)")
_FILE = re.compile(r"(Downloading|Using cached|Processing) (?:\S*[/\\])?([A-Za-z0-9_.]+)-([^-\s]+)-\S+\.whl")
_RAW = re.compile(r"Progress (\d+) of (\d+)")
_INSTALLING = re.compile(r"Installing collected packages: (.+)")
_NO_MATCH = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class PipProgress:
    """What pip is doing; `fraction` is of the file that is being downloaded, None where nobody knows."""

    text: str = "Installing packages"
    fraction: float | None = None
    _file: str = ""

    def after(self, line: str) -> PipProgress:
        """The progress after another line of output."""
        if match := _RAW.match(line):
            done, total = int(match[1]), int(match[2])
            if total <= 0:
                return self
            size = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB" if total >= 1e6 else f"{done / 1e3:.0f} kB"
            return replace(self, text=f"Downloading {self._file}: {size}", fraction=min(1.0, done / total))
        if line.endswith(".metadata") or ".metadata (" in line:
            return self
        if match := _FILE.match(line):
            file = f"{match[2]} {match[3]}"
            verb = {"Using cached": "Already here:", "Processing": "From the folder:"}.get(match[1], match[1])
            return PipProgress(f"{verb} {file}", None, file)
        if match := _COLLECTING.match(line):
            return PipProgress(f"Looking for {match[1]}")
        if match := _INSTALLING.match(line):
            return PipProgress(f"Unpacking {len(match[1].split(','))} packages, this takes a minute")
        return self


_UNREACHABLE = (
    "the package index cannot be reached: check the network and try again, or tick Local Packages and choose a "
    "folder of wheels"
)
# There is some numpy for every Python, its source at least: an index without any was not reached. pip says no more of
# it where it was told not to try twice.
_NO_NUMPY = "No matching distribution found for numpy"

# In this order: a full disk or a dead network also ends in "no matching distribution".
_CAUSES = (
    (
        ("No space left on device", "Errno 28", "There is not enough space on the disk", "Disk quota exceeded"),
        "the disk is full ({free} free, some 8 GB are needed with a GPU, 2 GB without): make room and try again",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLError", "SSLCertVerificationError"),
        "the package index could not be trusted, as behind some company networks: tell pip the network's certificate "
        "(pip config set global.cert FILE), or tick Local Packages and choose a folder of wheels",
    ),
    (
        ("Tunnel connection failed", "ProxyError", "Cannot connect to proxy"),
        "the network's proxy refused: set HTTPS_PROXY before starting Blender, or tick Local Packages and choose a "
        "folder of wheels",
    ),
    (
        (
            "NameResolutionError",
            "Failed to resolve",
            "name resolution",
            "getaddrinfo failed",
            "NewConnectionError",
            "Failed to establish a new connection",
            "Connection refused",
            "ConnectTimeout",
            "ReadTimeout",
            "Read timed out",
            "Network is unreachable",
            "Connection aborted",
            "IncompleteRead",
        ),
        _UNREACHABLE,
    ),
    (
        ("Permission denied", "Errno 13", "Access is denied"),
        "a file may not be written: see that {folder} is yours and no virus scanner holds it, and try again",
    ),
    (
        ("DO NOT MATCH THE HASHES", "BadZipFile", "invalid wheel", "is not a supported wheel"),
        "a downloaded package is damaged: try again, and clear pip's cache (pip cache purge) if it happens again",
    ),
    (
        ("MemoryError", "Cannot allocate memory"),
        "memory ran out while packages were unpacked: close other programs and try again",
    ),
)


def failure_in_words(lines: Iterable[str], *, folder: str, free: str, python: str, wheels: str | None) -> str:
    """Why pip failed and what to do, in one sentence, from the last lines it printed.

    `folder` is the environment, `free` the room on its disk in words, `python` the version of its Python and `wheels`
    the folder of packages where one was named. Where the cause is not known, pip's own error is passed on.
    """
    lines = list(lines)
    output = "\n".join(lines)
    for signs, sentence in _CAUSES:
        if any(sign in output for sign in signs):
            return sentence.format(free=free, folder=folder)
    if wheels is None and _NO_NUMPY in output and "(from versions: none)" in output:
        return _UNREACHABLE
    if match := _NO_MATCH.search(output):
        if wheels is not None:
            return f"{wheels} has no {match[1]} for Python {python}: put its wheel there, or clear the field Folder"
        return f"there is no {match[1]} for Python {python}: choose a Python 3.11, 3.12 or 3.13 as Base Python"
    errors = [line for line in lines if line.lower().startswith("error")]
    said = (errors or lines or ["it said nothing"])[-1]
    return f"pip said: {said[:300]} (Copy Report has the rest; with Base Python another Python can be tried)"
