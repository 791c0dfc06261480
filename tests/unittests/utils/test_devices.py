"""Devices of this machine, and what they compute well."""

import os
import platform
import subprocess
import sys

import pytest
import torch

from speechbrain_pib.utils.devices import (
    check_device,
    computes_bfloat16,
    warn_of_slow_precision,
)


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "cpu:x"])
def test_a_device_that_cannot_be_used_is_named(name):
    with pytest.raises(ValueError, match=f"device {name} cannot be used"):
        check_device(name)


@pytest.fixture(params=[True, False], ids=["with", "without"])
def instructions(request, monkeypatch):
    """Whether the processor has instructions for bfloat16."""
    monkeypatch.setattr(
        torch.ops.mkldnn,
        "_is_mkldnn_bf16_supported",
        lambda: request.param,
        raising=False,
    )
    return request.param


def test_torch_knows_whether_the_processor_computes_bfloat16(instructions):
    assert computes_bfloat16("cpu") is instructions
    assert computes_bfloat16(torch.device("cpu")) is instructions


def test_a_torch_without_onednn_does_not(monkeypatch):
    monkeypatch.setattr(torch.ops, "mkldnn", object())
    assert computes_bfloat16("cpu") is False


def test_bfloat16_is_warned_of_where_it_is_slow(instructions, caplog):
    for precision in ("fp32", "fp16"):
        warn_of_slow_precision(precision, "cpu")
    assert not caplog.records
    warn_of_slow_precision("bf16", "cpu")
    warned = [
        "cpu has no instructions for bfloat16" in m for m in caplog.messages
    ]
    assert warned == [True] * (not instructions)


@pytest.mark.slow
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="of x86 alone"
)
def test_so_it_is_on_a_processor_with_avx2_alone():
    code = (
        "from speechbrain_pib.utils.devices import computes_bfloat16 as c\n"
        "print(c('cpu'))"
    )
    output = subprocess.check_output(
        [sys.executable, "-c", code],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"},
        text=True,
    )
    assert output == "False\n"
