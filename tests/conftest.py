"""Shared by all tests: where the optional shared assets lie."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def _shared(name: str) -> Path:
    folder = ROOT.parent / "shared" / name
    if not folder.is_dir():
        pytest.skip(f"the shared {name} are not beside the project")
    return folder


@pytest.fixture(scope="session")
def shared_assets() -> Path:
    """The folder of game assets beside the project; the test is skipped where it is absent."""
    return _shared("assets")


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """Outputs of published implementations; the test is skipped where they are absent."""
    return _shared("golden")


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """Real images with long real camera trajectories; the test is skipped where they are absent."""
    return _shared("samples")
