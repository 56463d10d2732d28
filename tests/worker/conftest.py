"""Starts jobs on the fake process and ends them, so that no test leaves one behind."""

from __future__ import annotations

import sys

import pytest

from mosaic_core.worker import JobGuard, JobRunner, Limits

from .fake_jobs import FAKE_COMMAND, SHORT, process_runs


@pytest.fixture
def start_job(tmp_path):
    """`start_job(mode, name=value ...)` starts a job on the fake process; afterwards none may run."""
    runners: list[JobRunner] = []

    def start(mode: str, *, limits: Limits = SHORT, guard: JobGuard | None = None, **options):
        words = [f"{name}={value}" for name, value in options.items()]
        out_dir = tmp_path / "out"
        out_dir.mkdir(exist_ok=True)
        runner = JobRunner(
            sys.executable,
            shot_json={"engine": "preview"},
            out_dir=out_dir,
            log_file=tmp_path / "worker.log",
            command=[*FAKE_COMMAND, mode, *words],
            limits=limits,
            guard=guard or JobGuard(),
        )
        runners.append(runner)
        return runner

    yield start
    for runner in runners:
        runner.close(0.2)
        assert not process_runs(runner.pid)
