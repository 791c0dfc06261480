"""What ClassificationBrain adds to Brain: exact resumption, nothing that is
not finite, an average of all that a model holds.

Authors
 * The speechbrain_pib developers 2026
"""

import importlib
import json
import math
import os
import time

import pytest
import torch

from speechbrain_pib.nnet.schedulers import WarmupCosine
from speechbrain_pib.training.experiment import end_processes
from tests.brains import (
    assert_equal_states,
    fit,
    make_brain,
    make_dataset,
    state_of,
)


@pytest.mark.parametrize("factor, valid", [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("kill_at", [4, 6, 9])
def test_a_killed_training_resumes_exactly(tmp_path, factor, valid, kill_at):
    """Five batches an epoch: with a factor of two, one is left over. The kill
    is inside of an epoch or at its start."""

    def make(name):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return make_brain(
            folder,
            ema_decay=0.9,
            grad_accumulation_factor=factor,
            ckpt_interval_steps=1,
        )

    whole = make("whole")
    fit(whole, tmp_path, valid)
    fit(make("killed"), tmp_path, valid, kill_at)
    resumed = make("killed")
    fit(resumed, tmp_path, valid)
    assert len(resumed.drawn) < 10
    assert_equal_states(state_of(whole), state_of(resumed))
    logs = [tmp_path / name / "train_log.txt" for name in ("whole", "killed")]
    assert logs[0].read_text() == logs[1].read_text()


def test_the_schedule_counts_steps_not_batches(tmp_path):
    """Of five batches and a factor of two, two steps."""
    brain = make_brain(tmp_path, grad_accumulation_factor=2)
    rates = []
    step = brain.optimizers_step
    brain.optimizers_step = lambda: (
        rates.append(brain.optimizer.param_groups[0]["lr"]),
        step(),
    )
    fit(brain, tmp_path)
    schedule = WarmupCosine(0, 2)
    expected = [0.1 * schedule(epoch) for epoch in (0.0, 0.5, 1.0, 1.5)]
    assert rates == pytest.approx(expected)


def test_fewer_batches_than_make_a_step_are_an_error(tmp_path):
    brain = make_brain(tmp_path, grad_accumulation_factor=6)
    with pytest.raises(ValueError, match="5 batches .* one step of 6"):
        fit(brain, tmp_path)


@pytest.mark.parametrize("checkpoints", [False, True])
def test_statistics_of_normalization_are_averaged(tmp_path, checkpoints):
    brain = make_brain(tmp_path, ema_decay=0.5, checkpoints=checkpoints)
    model, seen = brain.hparams.model, []
    step = brain.optimizers_step
    brain.optimizers_step = lambda: (
        step(),
        seen.append({k: v.clone() for k, v in model.state_dict().items()}),
    )
    fit(brain, tmp_path, valid=True)
    expected = {k: v.double() for k, v in seen[0].items()}
    for state in seen[1:]:
        for name, value in expected.items():
            expected[name] = 0.5 * value + 0.5 * state[name]

    tested = []
    model.register_forward_pre_hook(
        lambda *_: tested.append({k: v.clone() for k, v in state().items()})
    )
    state = model.state_dict
    for _ in range(2):
        brain.evaluate(make_dataset(tmp_path, 12))
        for name in ("1.running_mean", "1.running_var", "4.weight"):
            torch.testing.assert_close(
                tested[-1][name].double(), expected[name]
            )
            assert not torch.equal(tested[-1][name], seen[-1][name])
    # The training could go on.
    for name, value in seen[-1].items():
        assert torch.equal(state()[name], value), name
    brain.exchange_average()
    torch.testing.assert_close(
        state()["1.running_var"].double(), expected["1.running_var"]
    )


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_not_learned_from(tmp_path, caplog, loss):
    brain = make_brain(tmp_path, epochs=1)
    brain.absurd = {"clip5": torch.tensor(loss)}
    before, changed = {}, []

    def compare(batch, outputs, loss, should_step):
        state = {
            k: v.clone() for k, v in brain.modules.model.named_parameters()
        }
        if before:
            same = all(torch.equal(before[k], v) for k, v in state.items())
            changed.append((not same, "clip5" in batch.id))
        before.update(state)

    brain.on_fit_batch_end = compare
    fit(brain, tmp_path)
    assert all(moved != absurd for moved, absurd in changed)
    assert all(v.isfinite().all() for v in state_of(brain).values())
    (line,) = [r.getMessage() for r in caplog.records if "Left out of" in r.msg]
    assert "clip5" in line
    log = (tmp_path / "train_log.txt").read_text()
    assert "train nonfinite: 1" in log and "nan" not in log


def test_an_infinite_loss_with_finite_gradients_is_not_learned_from(tmp_path):
    brain = make_brain(tmp_path, epochs=1)
    # A constant has no gradient: that of the batch stays finite.
    brain.absurd = {f"clip{n}": torch.tensor(math.inf) for n in range(20)}
    before = {k: v.clone() for k, v in brain.modules.named_parameters()}
    with pytest.raises(
        ValueError, match="4 steps of this epoch are not finite"
    ):
        fit(brain, tmp_path)
    for name, value in brain.modules.named_parameters():
        assert torch.equal(before[name], value), name


def test_a_group_with_a_loss_that_is_not_finite_makes_no_step(tmp_path):
    brain = make_brain(tmp_path, epochs=1, grad_accumulation_factor=2)
    brain.absurd = {f"clip{n}": torch.tensor(math.nan) for n in range(20)}
    fit(brain, tmp_path)
    assert brain.nonfinite_count == 2


def test_clips_with_scores_that_are_not_finite_are_left_out(tmp_path, caplog):
    brain = make_brain(tmp_path, epochs=1)
    fit(brain, tmp_path)
    clean = brain.evaluate(make_dataset(tmp_path, 12))
    whole = json.loads((tmp_path / "results.json").read_text())

    def spoil(module, inputs, output):
        output[1] = math.nan
        return output

    brain.hparams.model.register_forward_hook(spoil)
    brain.evaluate(
        make_dataset(tmp_path, 12), test_loader_kwargs={"batch_size": 12}
    )
    results = json.loads((tmp_path / "results.json").read_text())
    assert math.isfinite(clean)
    assert whole["nonfinite"] == [] and whole["clips"] == 12
    assert results["nonfinite"] == ["clip1"] and results["clips"] == 11
    assert math.isfinite(results["scores"]["fused"]["mAP"])
    assert "scores are not finite: clip1" in caplog.text


def test_a_test_tells_how_much_better_it_is_than_its_controls(tmp_path):
    brain = make_brain(tmp_path, epochs=1)
    brain.controls = {"fused_random": torch.zeros_like, "pass_0": torch.clone}
    fit(brain, tmp_path)
    brain.evaluate(make_dataset(tmp_path, 12))
    results = json.loads((tmp_path / "results.json").read_text())
    comparison, scores = results["comparison"], results["scores"]
    assert comparison["reference"] == "fused"
    assert set(comparison["differences"]) == {"fused_random", "pass_0"}
    for name, differences in comparison["differences"].items():
        assert list(differences) == ["top1", "top5", "mAP", "AUC", "d_prime"]
        for metric, ends in differences.items():
            expected = scores["fused"][metric] - scores[name][metric]
            assert ends["difference"] == pytest.approx(expected)
            assert ends["low"] <= ends["difference"] <= ends["high"]
    ends = comparison["differences"]["fused_random"]["top1"]
    assert ends["low"] > 0
    text = (tmp_path / "results.md").read_text()
    row = next(x for x in text.splitlines() if "fused_random | +" in x)
    assert f"{ends['difference']:+.4f} [{ends['low']:+.4f}, " in row
    assert '"fused" minus each of these; paired 95% intervals' in text


def test_a_single_output_or_clip_is_not_compared(tmp_path):
    brain = make_brain(tmp_path, epochs=1)
    fit(brain, tmp_path)
    brain.evaluate(make_dataset(tmp_path, 12))
    assert "comparison" not in brain.results
    brain.controls = {"pass_0": torch.clone}
    brain.evaluate(make_dataset(tmp_path, 1))
    assert "comparison" not in brain.results
    assert "minus" not in (tmp_path / "results.md").read_text()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    brain = make_brain(tmp_path)
    fit(brain, tmp_path, kill_at=6)
    (saved,) = (tmp_path / "save").glob("CKPT+*")
    brain = make_brain(tmp_path)

    def spoil(batch, outputs, loss, should_step):
        if brain.step == 5:
            brain.hparams.model[4].bias.data[0] = math.nan

    brain.on_fit_batch_end = spoil
    with pytest.raises(ValueError, match="4.bias is not finite"):
        fit(brain, tmp_path)
    assert [*(tmp_path / "save").glob("*")] == [saved]


def test_weights_do_not_depend_on_the_number_of_workers(tmp_path):
    states = []
    for workers in (0, 2):
        brain = make_brain(tmp_path, checkpoints=False)
        fit(brain, tmp_path, num_workers=workers)
        states.append(state_of(brain))
    assert_equal_states(*states)


def test_what_is_drawn_differs_between_epochs_and_steps(tmp_path):
    brain = make_brain(tmp_path, checkpoints=False)
    points = []
    brain.on_fit_batch_end = lambda batch, *_: points.extend(batch.point.data)
    fit(brain, tmp_path)
    assert len(set(brain.drawn)) == 10
    assert len({tuple(point.tolist()) for point in points}) == 40


class RandomNumbers(torch.utils.data.Dataset):
    """What a worker draws for each item of a data set of any kind."""

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return torch.rand(())


def test_what_workers_draw_follows_seed_and_epoch(tmp_path):
    def draws(seed, epoch):
        brain = make_brain(tmp_path, checkpoints=False)
        brain.hparams.seed, drawn = seed, []
        brain.fit_batch = lambda batch: drawn.append(batch.item()) or batch
        brain.fit(
            [epoch], RandomNumbers(), train_loader_kwargs={"num_workers": 1}
        )
        return tuple(drawn)

    assert draws(1, 1) == draws(1, 1)
    assert len({draws(*it) for it in ((1, 1), (1, 2), (2, 1))}) == 3


def test_a_damaged_newest_checkpoint_is_not_resumed(tmp_path, caplog):
    """The training goes on from the one before, to the same weights."""
    whole = make_brain(tmp_path, ckpt_interval_steps=2)
    fit(whole, tmp_path, kill_at=10)
    newest = max((tmp_path / "save").glob("CKPT+*"))
    (newest / "CKPT.yaml").unlink()
    resumed = make_brain(tmp_path)
    fit(resumed, tmp_path)
    assert "lacks CKPT.yaml" in caplog.text and len(resumed.drawn) == 5
    (tmp_path / "other").mkdir()
    other = make_brain(tmp_path / "other")
    fit(other, tmp_path)
    assert_equal_states(state_of(resumed), state_of(other))


def test_workers_that_outlive_an_epoch_are_refused(tmp_path):
    with pytest.raises(ValueError, match="persistent_workers"):
        fit(
            make_brain(tmp_path),
            tmp_path,
            num_workers=1,
            persistent_workers=True,
        )


def sleep(number):
    """Hangs."""
    time.sleep(60)
    return number


def test_a_worker_that_hangs_ends_the_training_with_a_remedy(tmp_path):
    brain = make_brain(tmp_path, checkpoints=False)
    dataset = make_dataset(tmp_path)
    dataset.add_dynamic_item(sleep, "number", "hung")
    dataset.set_output_keys(["id", "hung"])
    options = {"batch_size": 4, "num_workers": 1, "timeout": 1}
    with pytest.raises(RuntimeError, match="1 seconds: .* /dev/shm"):
        brain.fit(
            brain.hparams.epoch_counter, dataset, train_loader_kwargs=options
        )
    # Without workers there is none to wait for.
    brain = make_brain(tmp_path, checkpoints=False)
    fit(brain, tmp_path, num_workers=0, timeout=1)


def train_on_rank(rank, folder):
    """Trains a whole run, and one that is killed and resumed, with a loss on
    one of two processes that is not finite."""
    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    importlib.import_module("torch._dynamo")  # as begin_processes does
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    # Nothing of the training may hold the group when it ends.
    torch.save(train_whole_and_killed(folder), folder / f"{rank}.pt")
    end_processes()


def train_whole_and_killed(folder):
    """Train both runs in a process group, and give what came of them."""

    def make(name):
        brain = make_brain(
            folder / name,
            norm=torch.nn.LayerNorm,  # that of batches needs a GPU here
            distributed_launch=True,
            distributed_backend="gloo",
            grad_accumulation_factor=2,
            ckpt_interval_steps=1,
        )
        brain.absurd = {"clip5": torch.tensor(math.nan)}
        return brain

    whole = make("whole")
    fit(whole, folder, count=48)
    fit(make("killed"), folder, count=48, kill_at=5)
    resumed = make("killed")
    fit(resumed, folder, count=48)
    return {
        "whole": state_of(whole),
        "resumed": state_of(resumed),
        "drawn": whole.drawn,
        "drawn after the kill": resumed.drawn,
    }


def test_two_processes_skip_together_and_resume_exactly(tmp_path):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    make_dataset(tmp_path, 48)
    torch.multiprocessing.spawn(train_on_rank, (tmp_path,), nprocs=2)
    one, other = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for rank in (0, 1)
    )
    assert_equal_states(one["whole"], other["whole"])
    assert_equal_states(one["whole"], one["resumed"])
    assert_equal_states(one["whole"], other["resumed"])
    assert all(v.isfinite().all() for v in one["whole"].values())
    for key in ("drawn", "drawn after the kill"):
        assert not set(one[key]) & set(other[key])
    logs = [tmp_path / name / "train_log.txt" for name in ("whole", "killed")]
    assert logs[0].read_text() == logs[1].read_text()
    assert "nonfinite: 1" in logs[0].read_text()
