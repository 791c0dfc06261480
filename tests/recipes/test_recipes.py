"""Runs every row of the recipe tables in its debugging form.

The tables have SpeechBrain's columns, the checks its small language:
``file_exists=[...]`` of files in the output folder, and
``performance_check=[file, name, <number, epoch: n]``.

Authors
 * The speechbrain_pib developers 2026
"""

import operator
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.lobes.models.yamnet import YAMNet
from tests.helpers import read_rows

pytestmark = pytest.mark.slow
COMPARISONS = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def recipe_rows():
    """All rows of all tables."""
    for table in sorted(Path(__file__).parent.glob("*.csv")):
        for row in read_rows(table):
            name = Path(row["Hparam_file"]).stem
            yield pytest.param(row, id=f"{row['Dataset']}-{name}")


@pytest.fixture
def samples(tmp_path):
    """Two classes of noise and of tones in ESC-50's layout, three folds."""
    folder = tmp_path / "ESC-50"
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    generator = np.random.default_rng(0)
    lines = ["filename,fold,target,category,esc10,src_file,take"]
    for fold in (1, 2, 3):
        for take in range(4):
            for target, category in enumerate(("noise", "tone")):
                name = f"{fold}-{take}-A-{target}.wav"
                wav = 0.1 * generator.normal(size=16000)
                if target == 1:
                    wav = 0.3 * np.sin(np.arange(16000) * (0.1 + 0.02 * take))
                soundfile.write(folder / "audio" / name, wav, 16000)
                lines.append(f"{name},{fold},{target},{category},True,0,A")
    (folder / "meta" / "esc50.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def yamnet(tmp_path_factory):
    """A file of random weights of YAMNet, for its 521 classes."""
    path = tmp_path_factory.mktemp("weights") / "yamnet.pt"
    torch.save(YAMNet().state_dict(), path)
    return path


def check_performance(output, check):
    """Asserts that a number of the training log is as it should be."""
    name, statistic, condition, epoch = (x.strip() for x in check.split(","))
    number = epoch.removeprefix("epoch: ")
    lines = (output / name).read_text().splitlines()
    line = next(x for x in lines if x.startswith(f"epoch: {number},"))
    value = float(re.search(rf"{statistic}: (\S+?)(,| |$)", line).group(1))
    comparison, bound = re.fullmatch(r"([<>]=?)(.+)", condition).groups()
    assert COMPARISONS[comparison](value, float(bound)), line


@pytest.mark.parametrize("row", recipe_rows())
def test_recipe_runs(row, run_recipe, samples, yamnet):
    flags = row["test_debug_flags"].format(samples=samples, yamnet=yamnet)
    output = run_recipe(
        row["Dataset"],
        f"hparams/{Path(row['Hparam_file']).name}",
        *shlex.split(flags),
    )
    checks = dict(re.findall(r"(\w+)=\[(.*?)\]", row["test_debug_checks"]))
    assert "file_exists" in checks
    for name in checks["file_exists"].split(","):
        assert (output / name.strip()).exists(), name
    if "performance_check" in checks:
        check_performance(output, checks["performance_check"])
