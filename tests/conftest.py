"""Options and fixtures shared by all tests.

Authors
 * The speechbrain_pib developers 2026
"""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    """Adds --device, as SpeechBrain's own tests have it."""
    parser.addoption("--device", action="store", default="cpu")


@pytest.fixture
def device(request):
    """Name of the device on which the tests run."""
    return request.config.getoption("--device")


@pytest.fixture(scope="session")
def shared():
    """Folder of reference data beside the repository."""
    path = Path(__file__).resolve().parents[1] / "../shared"
    if not path.is_dir():
        pytest.skip("no folder 'shared' with reference data beside the repo")
    return path.resolve()
