"""Shared by all tests: where the optional shared assets lie."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_assets() -> Path:
    """The folder of game assets beside the project; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip("the shared assets are not beside the project")
    return folder


@pytest.fixture(scope="session")
def shared_golden() -> Path:
    """Outputs of published implementations; the test is skipped where they are absent."""
    folder = ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("the golden vectors are not beside the project")
    return folder


@pytest.fixture(scope="session")
def shared_samples() -> Path:
    """Real images with long real camera trajectories; the test is skipped where they are absent."""
    folder = ROOT.parent / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip("the shared samples are not beside the project")
    return folder
