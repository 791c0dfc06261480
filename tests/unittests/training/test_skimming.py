"""What SkimmingBrain trains, and what it says of a test.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.utils.checkpoints import Checkpointer

from speechbrain_pib.evaluation.skimming_reports import skimming_table
from speechbrain_pib.lobes.models.skimming import Skimmer
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss
from speechbrain_pib.training.skimming import SkimmingBrain, inside_segments

CLASSES = 5


def make_brain(**hparams):
    """A brain for a tiny skimmer."""
    torch.manual_seed(0)
    sizes = {"input_size": 16, "hidden_size": 24, "key_size": 12}
    model = Skimmer(
        CLASSES, glimpses=4, selection="hard", subsample=[8, 1], **sizes
    )
    hparams = {
        "model": model,
        "ema_decay": None,
        "loss": SkimmingLoss(),
        "lr_factors": {"fusion": 0.0, "classifier": 0.1},
        "selection": "soft",
        "sampling": "learned",
        "skimmer_weights": None,
        "stream_gmacs": {"image": 2.0, "audio": 1.0},
        "pictures": 1,
        **hparams,
    }
    return SkimmingBrain(
        modules={"model": model}, hparams=hparams, run_opts={"device": "cpu"}
    )


def make_batch():
    """Two videos of 20 and 12 s, one of them of two classes."""
    torch.manual_seed(1)
    items = []
    for video, steps in (("a", 20), ("b", 12)):
        item = {n: torch.randn(steps, 16) for n in ("image", "audio")}
        item["id"], item["path"] = video, f"{video}.mp4"
        item["target"] = torch.eye(CLASSES)[len(items)]
        item["segment_times"] = torch.tensor([[2.5, 4.5], [9.0, 11.0]])
        items.append(item)
    items[1]["target"] = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0])
    items[1]["segment_times"] = torch.tensor([[0.0, 12.0]])
    return PaddedBatch(items)


def evaluate(brain, stage=sb.Stage.TEST):
    """Passes the batch through a stage; the loss."""
    brain.on_stage_start(stage, 1)
    brain.modules.eval()
    batch = make_batch()
    with torch.no_grad():
        predictions = brain.compute_forward(batch, stage)
        loss = brain.compute_objectives(predictions, batch, stage)
    brain.scores.gather()
    return loss


def test_a_test_scores_the_model_and_its_controls():
    brain = make_brain()
    evaluate(brain)
    assert set(brain.scores.scores) == {
        "average",
        "last",
        "soft",
        "dense",
        "uniform",
        "random",
        "image_only",
        "audio_only",
    }
    for scores in brain.scores.scores.values():
        assert scores.sum(axis=1) == pytest.approx(1.0)


def test_looking_at_other_moments_changes_the_answer():
    brain = make_brain()
    evaluate(brain)
    scores = brain.scores.scores
    names = ("average", "dense", "uniform", "random", "audio_only")
    rows = {scores[name].round(5).tobytes() for name in names}
    assert len(rows) == len(names)


def test_the_curve_ends_with_the_result():
    brain = make_brain()
    evaluate(brain)
    description = brain.describe_test()
    assert description["moments"] == 3
    learned = [
        point
        for point in description["curve"]
        if point["sampling"] == "learned"
    ]
    assert [point["moments"] for point in learned] == [0, 1, 2, 3]
    costs = [point["gmacs"] for point in learned]
    assert costs == sorted(costs)
    last = learned[-1]
    average = brain.scores.summarize("average", brain.summarize)
    assert last["mAP"] == pytest.approx(average["mAP"])
    assert last["gmacs"] == pytest.approx(description["gmacs"]["average"])
    uniform = [p for p in description["curve"] if p["sampling"] == "uniform"]
    assert [point["moments"] for point in uniform] == [1, 2, 3]
    assert uniform[2]["gmacs"] == pytest.approx(9.0, abs=0.01)


def test_it_tells_where_moments_were():
    brain = make_brain()
    evaluate(brain)
    inside = brain.describe_test()["inside_segments"]
    # Uniform: 3, 10, 16 of 20 s and all of the second video.
    assert inside["uniform"] == [1.0, 1.0, 0.5]
    picture = brain.pictures["a"]
    assert len(picture["moments"]) == 3
    assert picture["segments"] == [[2.5, 4.5], [9.0, 11.0]]


def test_every_output_has_a_row_in_the_table():
    brain = make_brain()
    evaluate(brain)
    scores = {
        name: brain.scores.summarize(name, brain.summarize)
        for name in brain.scores.scores
    }
    results = {"scores": scores, **brain.describe_test()}
    table = skimming_table(results)
    assert len(table.splitlines()) == 2 + len(scores)
    assert "3 moments, audio only" in table and "GMACs" in table


def test_several_classes_share_a_video():
    brain = make_brain(loss=SkimmingLoss(last_weight=0.0))
    loss = evaluate(brain, sb.Stage.VALID)
    logits = torch.from_numpy(brain.scores.scores["average"]).log()
    expected = -(logits[0, 0] + (logits[1, 1] + logits[1, 2]) / 2) / 2
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampling", ["uniform", "random", "dense"])
def test_a_control_can_be_trained(sampling):
    brain = make_brain(sampling=sampling)
    brain.on_stage_start(sb.Stage.VALID, 1)
    batch = make_batch()
    predictions = brain.compute_forward(batch, sb.Stage.TRAIN)
    brain.compute_objectives(predictions, batch, sb.Stage.TRAIN).backward()
    model = brain.hparams.model
    assert model.fusion.expand.weight.grad.abs().max() > 0
    assert model.cell.bias_ih.grad is None
    evaluate(brain)
    assert set(brain.scores.scores) == {"average"}
    assert "curve" not in brain.describe_test()


def test_each_part_learns_at_its_rate():
    brain = make_brain()
    groups = brain.make_parameter_groups()
    assert [group["lr_scale"] for group in groups] == [0.0, 0.1, 1.0]
    named = dict(brain.hparams.model.named_parameters())
    assert sum(len(group["params"]) for group in groups) == len(named)
    full = {id(parameter) for parameter in groups[-1]["params"]}
    for part in ("modality_attention", "step_classifier", "cell", "keys"):
        parameters = getattr(brain.hparams.model, part).parameters()
        assert all(id(parameter) in full for parameter in parameters)
    with pytest.raises(ValueError, match="no part fusions"):
        make_brain(lr_factors={"fusions": 1}).make_parameter_groups()


def test_published_weights_are_tested_without_a_checkpoint(tmp_path):
    checkpointer = Checkpointer(tmp_path)
    brain = make_brain()
    brain.checkpointer = checkpointer
    with pytest.raises(FileNotFoundError, match="no checkpoint to evaluate"):
        brain.on_evaluate_start(max_key="top1")
    brain = make_brain(skimmer_weights="skimming_activitynet.pth")
    brain.checkpointer = checkpointer
    brain.on_evaluate_start(max_key="top1")


def test_a_moment_is_inside_from_start_to_stop():
    segments = torch.tensor([[[1.0, 2.5], [0.0, 0.0]]])
    inside = inside_segments(torch.tensor([[0, 1, 2, 3]]), segments)
    assert inside.tolist() == [[0.0, 1.0, 1.0, 0.0]]
