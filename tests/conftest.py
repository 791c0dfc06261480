"""Options and fixtures shared by all tests.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    """Adds --device, as SpeechBrain's own tests have it."""
    parser.addoption("--device", action="store", default="cpu")


@pytest.fixture(autouse=True)
def seed():
    """Every test draws the same numbers, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def device(request):
    """Name of the device on which the tests run, without TensorFloat-32,
    which SpeechBrain allows at import and which is not what they compare."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    return request.config.getoption("--device")


@pytest.fixture(scope="session")
def shared():
    """Folder of reference data beside the repository."""
    path = ROOT / "../shared"
    if not path.is_dir():
        pytest.skip("no folder 'shared' with reference data beside the repo")
    return path.resolve()


@pytest.fixture
def run_recipe(tmp_path, request):
    """Runs a recipe's script as a user would, from an empty folder.

    Called with the recipe's name, a hyperparameter file and further arguments;
    `ranks` processes are launched by torchrun. Returns the output folder.
    """

    def run(recipe, hparams, *arguments, output="output", ranks=1):
        script = str(ROOT / "recipes" / recipe / "train.py")
        command = [sys.executable]
        if ranks > 1:
            command += ["-m", "torch.distributed.run", "--standalone"]
            command += [f"--nproc_per_node={ranks}"]
            arguments = [*arguments, "--distributed_backend=gloo"]
        command += [script, hparams, f"--output_folder={tmp_path / output}"]
        command += [f"--device={request.config.getoption('--device')}"]
        finished = subprocess.run(
            [*command, "--noprogressbar", *arguments],
            cwd=tmp_path,
            # Tests run side by side; more threads would wait for each other.
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert finished.returncode == 0, finished.stdout[-4000:]
        return tmp_path / output

    return run
