"""Functions that tests of several folders share.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import importlib
import sys
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import torch
from scipy import signal

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "tests/fixtures"
_loaded = defaultdict(dict)


@contextmanager
def recipe_folder(folder):
    """Import the files of a recipe as its train.py does: by plain names.

    Recipes share names, such as ``miniature`` and ``train``. Outside of this
    context no recipe's module is in sys.modules, so none hides another.
    """
    folder = Path(folder).resolve()
    sys.modules.update(_loaded[folder])
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for path in folder.glob("*.py"):
            if path.stem in sys.modules:
                _loaded[folder][path.stem] = sys.modules.pop(path.stem)


def load_recipe_module(recipe, name):
    """Return the module of a recipe, such as ("ESC50", "esc50_prepare")."""
    with recipe_folder(ROOT / "recipes" / recipe):
        return importlib.import_module(name)


def read_rows(path):
    """Read a CSV file with a header: one dictionary for each row."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_published(name, group):
    """Read numbers of published code: the tensors of one group of a file."""
    prefix = f"{group}/"
    with np.load(FIXTURES / f"published/{name}.npz") as arrays:
        return {
            key.removeprefix(prefix): torch.from_numpy(arrays[key])
            for key in arrays.files
            if key.startswith(prefix)
        }


def write_esc50(folder, clips, sample_rate):
    """Write a data set in ESC-50's layout.

    `clips` gives the samples of each clip by its fold, recording, take and
    category, from which it has its name, such as 1-7-A-0.
    """
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    categories = sorted({category for *_, category in clips})
    columns = ("filename", "fold", "target", "category", "src_file", "take")
    with open(folder / "meta/esc50.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for (fold, recording, take, category), samples in clips.items():
            target = categories.index(category)
            name = f"{fold}-{recording}-{take}-{target}.wav"
            soundfile.write(folder / "audio" / name, samples, sample_rate)
            writer.writerow((name, fold, target, category, recording, take))


def power_of_band(waveform, band, sample_rate):
    """Return the squared samples of what lies in a band of frequencies."""
    filters = signal.butter(4, band, "bandpass", fs=sample_rate, output="sos")
    return signal.sosfiltfilt(filters, waveform.astype(np.float64)) ** 2


def strongest_rate(power, times, rates):
    """Return the one of the rates (Hz) at which a power swells the most.

    `power` was heard at `times` (seconds), as densely as one likes.
    """
    swells = np.hanning(len(power)) * (power / power.mean() - 1)
    strengths = [
        abs(np.mean(swells * np.exp(-2j * np.pi * rate * times)))
        for rate in rates
    ]
    return rates[int(np.argmax(strengths))]


def find_bursts(waveform, band, sample_rate, size, most, level=-np.inf):
    """Return where the loudest stretches of `size` samples of a band begin.

    Stretches do not overlap; there are at most `most` of them, in the order of
    their loudness, each of a `level` in dB (rms, full scale 1) or more.
    """
    power = np.append(0, power_of_band(waveform, band, sample_rate))
    means = np.cumsum(power)
    means = (means[size:] - means[:-size]) / size
    found = []
    while len(found) < most and means.max() > 10 ** (level / 10):
        start = int(means.argmax())
        found.append(start)
        means[max(start - size + 1, 0) : start + size] = -1.0
    return found


def sweep(sample_rate, seconds):
    """Make a sweep from 100 Hz up in noise, the same each time."""
    times = np.arange(round(sample_rate * seconds)) / sample_rate
    highest = 0.45 * sample_rate
    phase = 100 * times + (highest - 100) * times**2 / (2 * seconds)
    noise = np.random.default_rng(0).normal(size=len(times))
    return 0.3 * np.sin(2 * np.pi * phase) + 0.1 * noise


def check_clips_are_heard_alone(model, wavs):
    """Check that a model hears the same twice, and of each clip alone."""
    with torch.no_grad():
        together, again = model(wavs), model(wavs)
        assert torch.equal(together.logits, again.logits)
        for clip in range(len(wavs)):
            alone = model(wavs[clip : clip + 1])
            assert torch.equal(alone.masks[0], together.masks[clip])
            difference = alone.logits[0] - together.logits[clip]
            assert difference.abs().max() < 1e-5


def without_gradient(model):
    """Names of trained parameters that a loss did not reach."""
    # The softmax over slots cancels this one: what is left is rounding, or
    # nothing.
    cancelled = "slot_attention.norm_slots.bias"
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
        and not name.endswith(cancelled)
        and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
