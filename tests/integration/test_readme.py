"""The code of the README runs as it stands there.

Trainings are made small, and `speechbrain-pib` is called by its module, which
needs no installation. What installs or needs a data set of the reader's is
left out.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import re
import subprocess
import sys

import pytest

from tests.helpers import ROOT

LEFT_OUT = ("pip install", "/path/to/")
SMALL = {
    "VGGSound/train.py hparams/pib.yaml": "VGGSound/train.py hparams/pib.yaml "
    "--miniature_clips=96 --number_of_epochs=1 --controls=[]",
    "miniature_2400/audio/mini0002400": "miniature_96/audio/mini0000096",
    "ActivityNet/train.py hparams/skim.yaml": "ActivityNet/train.py "
    "hparams/skim.yaml --miniature_videos=24 --number_of_epochs=1 "
    "--valid_fraction=0.2",
    "miniature_300/videos/v_mini0000300": "miniature_24/videos/v_mini0000024",
}


def read_blocks():
    """Yield (language, code) of each block that has code to run."""
    text = (ROOT / "README.md").read_text("utf-8")
    for language, code in re.findall(
        r"^```(bash|python)\n(.*?)^```", text, re.S | re.M
    ):
        if code := shorten(code):
            yield language, code


def shorten(code):
    """Leave out lines that are not run here, and make trainings small."""
    for given, small in SMALL.items():
        code = code.replace(given, small)
    lines = code.splitlines(keepends=True)
    return "".join(
        line for line in lines if not any(part in line for part in LEFT_OUT)
    )


@pytest.fixture
def environment(tmp_path):
    """A shell at the root of a clone in which the package is installed."""
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    (tmp_path / "bin").mkdir()
    programs = {"python": "", "speechbrain-pib": "-m speechbrain_pib"}
    for name, module in programs.items():
        path = tmp_path / "bin" / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        path.chmod(0o755)
    return {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


@pytest.mark.slow
def test_code_blocks_run_one_after_the_other(environment, tmp_path):
    shells = {"bash": ["bash", "-euc"], "python": ["python", "-c"]}
    for language, code in read_blocks():
        finished = subprocess.run(
            [*shells[language], code],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert finished.returncode == 0, code + finished.stdout[-4000:]


def test_the_first_screen_has_a_picture_and_a_first_use():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()[:40]
    pictures = re.findall(r"!\[.+\]\((.+)\)", "\n".join(lines))
    assert pictures and all((ROOT / path).is_file() for path in pictures)
    assert "```bash" in lines and "```python" in lines
