"""What the benchmarks leave out where it would take hours."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
LEFT_OUT = "bf16 is left out: cpu has no instructions for it"


class Stop(Exception):
    """Ends a benchmark after what is looked at here."""


@pytest.fixture
def load(monkeypatch):
    """Import a benchmark, which imports those beside it."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if getattr(sys.modules[name], "__file__", None) == str(
            BENCHMARKS / f"{name}.py"
        ):
            del sys.modules[name]


@pytest.fixture(params=[True, False], ids=["with", "without"])
def instructions(request, monkeypatch):
    """Whether the processor has instructions for bfloat16."""
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: request.param
    )
    return request.param


def measured_peaks(load, monkeypatch, *arguments):
    """The precisions whose peak throughput.py measures."""
    throughput, dtypes = load("throughput"), []

    def stop(*_):
        raise Stop

    def matmul_peak(dtype, device):
        dtypes.append(dtype)
        return 1.0

    monkeypatch.setattr(throughput, "build_model", stop)
    monkeypatch.setattr(throughput, "matmul_peak", matmul_peak)
    monkeypatch.setattr(sys, "argv", ["throughput.py", *arguments])
    with pytest.raises(Stop):
        throughput.main()
    return dtypes


def test_peaks_of_what_is_not_asked_for_are_not_measured(
    load, monkeypatch, instructions, capsys
):
    peaks = measured_peaks(load, monkeypatch, "--precision", "fp32")
    assert peaks == [torch.float32]
    assert LEFT_OUT not in capsys.readouterr().out


def test_throughput_leaves_bfloat16_out_where_it_is_slow(
    load, monkeypatch, instructions, capsys
):
    peaks = measured_peaks(load, monkeypatch)
    assert peaks == [torch.float32, torch.bfloat16][: 1 + instructions]
    assert (LEFT_OUT in capsys.readouterr().out) is not instructions
    if not instructions:
        with pytest.raises(SystemExit, match=LEFT_OUT):
            measured_peaks(load, monkeypatch, "--precision", "bf16")


def test_skimming_leaves_bfloat16_out_where_it_is_slow(
    load, monkeypatch, instructions, capsys
):
    skimming, names = load("skimming"), []

    def median_seconds(functions, *_):
        names.extend(functions)
        raise Stop

    monkeypatch.setattr(skimming, "median_seconds", median_seconds)
    arguments = ["skimming.py", "--batch=1", "--steps=20", "--threads=1"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(Stop):
        skimming.main()
    assert "soft, fp32" in names
    assert any("bf16" in name for name in names) is instructions
    assert (LEFT_OUT in capsys.readouterr().out) is not instructions
