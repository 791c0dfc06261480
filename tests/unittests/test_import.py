"""Importing the package: cheap, and clear where torchaudio does not fit.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def run_python(*command, folders=()):
    """Runs a new interpreter that looks in the folders first."""
    path = os.pathsep.join(map(str, [*folders, ROOT]))
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )


def fake_torchaudio(folder, error):
    """A torchaudio 9.8.7 that raises the error on import."""
    (folder / "torchaudio").mkdir()
    (folder / "torchaudio/__init__.py").write_text(f"raise {error}\n")
    (folder / "torchaudio-9.8.7.dist-info").mkdir()
    (folder / "torchaudio-9.8.7.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: torchaudio\nVersion: 9.8.7\n"
    )


@pytest.mark.parametrize(
    "error",
    [
        "OSError('libc10_cuda.so: cannot open shared object file')",
        "RuntimeError('Detected that PyTorch and TorchAudio differ')",
        "ImportError('undefined symbol')",
    ],
)
def test_torchaudio_that_does_not_fit_gives_one_line_with_the_remedy(
    tmp_path, error
):
    fake_torchaudio(tmp_path, error)
    result = run_python("-c", "import speechbrain_pib", folders=[tmp_path])
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: torch 2.")
    assert "torchaudio 9.8.7" in last
    assert (
        'pip install --force-reinstall "torch>=2.7.1,<2.15" "torchaudio>=2.7.1"'
        in last
    )
    assert result.stderr.count("Traceback") == 1
    assert "libc10_cuda" not in result.stderr


def test_the_command_line_says_so_when_it_needs_torchaudio(tmp_path):
    fake_torchaudio(tmp_path, "OSError('libc10_cuda.so: cannot open')")
    command = ["-m", "speechbrain_pib", "classify", "folder", "a.wav"]
    result = run_python(*command, folders=[tmp_path])
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "torchaudio 9.8.7 do not fit together; mend it with" in line
    assert run_python(*command, "--help", folders=[tmp_path]).returncode == 0


def test_import_loads_no_heavy_library():
    code = (
        "import sys, speechbrain_pib\n"
        "heavy = {'librosa', 'sklearn', 'matplotlib', 'speechbrain', 'h5py'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "print(speechbrain_pib.__version__)"
    )
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr
    version = (ROOT / "speechbrain_pib/version.txt").read_text()
    assert result.stdout == version
