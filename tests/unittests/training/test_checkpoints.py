"""Checkpoints that cannot be resumed are put aside, all others kept.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import re

import pytest
import torch
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter

from speechbrain_pib.training.checkpoints import (
    put_damaged_aside,
    require_finite,
)


def make_checkpointer(folder):
    """A checkpointer of weights, an optimizer and a counter."""
    model = torch.nn.Linear(200, 50)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(200)).sum().backward()
    optimizer.step()
    return Checkpointer(
        folder,
        {"model": model, "optimizer": optimizer, "counter": EpochCounter(3)},
    )


def cut(share):
    """Keeps the beginning of a file."""

    def damage(path):
        data = path.read_bytes()
        path.write_bytes(data[: int(share * len(data))])

    return damage


def flip(path):
    """Turns 2,000 bytes of weights around; the file looks as before."""
    data = bytearray(path.read_bytes())
    for place in range(5000, 7000):
        data[place] ^= 0x55
    path.write_bytes(data)


def remove(path):
    """Loses the file."""
    path.unlink()


def replace_by(text):
    """Writes something else."""
    return lambda path: path.write_text(text)


@pytest.mark.parametrize(
    "name, damage, reason",
    [
        ("model", remove, "lacks model"),
        ("model", cut(0.0), "model.ckpt is empty"),
        ("model", cut(0.5), "model.ckpt is damaged or incomplete"),
        ("model", cut(0.99), "model.ckpt is damaged or incomplete"),
        ("model", flip, "the checksum of .* is wrong"),
        ("optimizer", cut(0.5), "optimizer.ckpt is damaged or incomplete"),
        ("optimizer", flip, "the checksum of .* is wrong"),
        ("counter", cut(0.0), "counter.ckpt is empty"),
        ("CKPT.yaml", remove, "lacks CKPT.yaml"),
        ("CKPT.yaml", cut(0.0), "lacks CKPT.yaml"),
        ("CKPT.yaml", cut(0.5), "lacks CKPT.yaml"),
        ("CKPT.yaml", replace_by("unixtime: 5\n"), "lacks CKPT.yaml"),
        ("CKPT.yaml", replace_by("}: {\n"), "lacks CKPT.yaml"),
    ],
)
def test_a_damaged_checkpoint_is_put_aside(
    tmp_path, name, damage, reason, caplog
):
    checkpointer = make_checkpointer(tmp_path)
    good = checkpointer.save_checkpoint(name="1")
    newest = checkpointer.save_checkpoint(name="2")
    put_damaged_aside(checkpointer)
    assert newest.path.exists()
    damage(newest.path / (name if "." in name else f"{name}.ckpt"))
    put_damaged_aside(checkpointer)
    (record,) = [r for r in caplog.records if r.levelname == "WARNING"]
    message = record.getMessage()
    assert message.startswith(f"{newest.path} cannot be used")
    assert re.search(reason, message)
    assert (tmp_path / "damaged-CKPT+2").exists() and not newest.path.exists()
    assert checkpointer.recover_if_possible().path == good.path


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["model", "optimizer"])
def test_what_is_not_finite_is_not_resumed(tmp_path, name, value, caplog):
    checkpointer = make_checkpointer(tmp_path)
    good = checkpointer.save_checkpoint(name="1")
    if name == "model":
        checkpointer.recoverables["model"].bias.data[7] = value
    else:
        state = checkpointer.recoverables["optimizer"].state
        next(iter(state.values()))["exp_avg"][3] = value
    checkpointer.save_checkpoint(name="2")
    put_damaged_aside(checkpointer)
    assert f"of {name}.ckpt is not finite" in caplog.text
    assert checkpointer.recover_if_possible().path == good.path


def test_optional_parts_may_be_missing(tmp_path):
    checkpointer = make_checkpointer(tmp_path)
    checkpoint = checkpointer.save_checkpoint(name="1")
    average = torch.nn.Linear(1, 1)
    checkpointer.add_recoverable("average", average, optional_load=True)
    put_damaged_aside(checkpointer)
    assert checkpoint.path.exists()
    checkpointer.add_recoverable("other", average)
    put_damaged_aside(checkpointer)
    assert not checkpoint.path.exists()


def test_buffers_have_to_be_finite_too():
    norm = torch.nn.BatchNorm1d(3)
    require_finite(norm)
    norm.running_var[1] = math.inf
    with pytest.raises(ValueError, match="running_var is not finite"):
        require_finite(norm)
