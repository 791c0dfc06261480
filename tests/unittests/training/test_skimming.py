"""What SkimmingBrain trains, and what it says of a test.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import speechbrain as sb
import torch
from speechbrain.dataio.batch import PaddedBatch
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.checkpoints import Checkpointer

from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid
from speechbrain_pib.lobes.models.skimming import Skimmer
from speechbrain_pib.lobes.models.skimming_published import PublishedSkimmer
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss
from speechbrain_pib.training import skimming
from speechbrain_pib.training.skimming import SkimmingBrain

CLASSES = 5


def make_brain(**hparams):
    """A brain for a tiny skimmer."""
    torch.manual_seed(0)
    sizes = {"input_size": 16, "hidden_size": 24, "key_size": 12}
    model = Skimmer(
        CLASSES, looks=3, attention="hard", subsample=[8, 1], **sizes
    )
    hparams = {
        "model": model,
        "ema_decay": None,
        "loss": SkimmingLoss(),
        "lr_factors": {"fusion": 0.0, "classifier": 0.1},
        "attention": "soft",
        "selection": "learned",
        "skimmer_weights": None,
        "stream_gmacs": {"image": 2.0, "audio": 1.0},
        "pictures": 1,
        **hparams,
    }
    return SkimmingBrain(
        modules={"model": model}, hparams=hparams, run_opts={"device": "cpu"}
    )


def make_items():
    """Two videos of 20 and 12 s, one of them of two classes."""
    torch.manual_seed(1)
    items = []
    for video, n_steps in (("a", 20), ("b", 12)):
        item = {n: torch.randn(n_steps, 16) for n in ("image", "audio")}
        item["id"], item["path"] = video, f"{video}.mp4"
        item["target"] = torch.eye(CLASSES)[len(items)]
        item["segment_times"] = torch.tensor([[2.5, 4.5], [9.0, 11.0]])
        items.append(item)
    items[1]["target"] = torch.tensor([0.0, 1.0, 1.0, 0.0, 0.0])
    items[1]["segment_times"] = torch.tensor([[0.0, 12.0]])
    return items


def make_batch():
    """Both of them."""
    return PaddedBatch(make_items())


def evaluate(brain, stage=sb.Stage.TEST, batch=None):
    """Passes a batch through a stage; the loss."""
    brain.on_stage_start(stage, 1)
    brain.modules.eval()
    batch = batch or make_batch()
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


def test_looking_at_other_steps_changes_the_answer():
    brain = make_brain()
    evaluate(brain)
    scores = brain.scores.scores
    names = ("average", "dense", "uniform", "random", "audio_only")
    rows = {scores[name].round(5).tobytes() for name in names}
    assert len(rows) == len(names)


def test_scores_of_a_video_do_not_depend_on_longer_ones():
    brain = make_brain()
    evaluate(brain)
    together = brain.scores.scores
    evaluate(brain, batch=PaddedBatch(make_items()[1:]))
    for name, scores in brain.scores.scores.items():
        assert scores[0] == pytest.approx(together[name][1], abs=1e-5), name


def test_random_steps_of_a_test_are_the_same_in_every_run():
    brain = make_brain()
    evaluate(brain)
    first = brain.scores.scores["random"]
    evaluate(brain)
    assert (brain.scores.scores["random"] == first).all()


def test_a_trained_control_sees_other_random_steps_each_time():
    brain, batch = make_brain(selection="random"), make_batch()
    first, second = (
        brain.compute_forward(batch, sb.Stage.TRAIN)[0]["average"]
        for _ in range(2)
    )
    assert not torch.allclose(first, second)


def test_training_and_evaluation_have_an_attention_each():
    brain, seen = make_brain(), []
    brain.modules.model.register_forward_pre_hook(
        lambda module, inputs, options: seen.append(options["attention"]),
        with_kwargs=True,
    )
    for stage in sb.Stage:
        brain.compute_forward(make_batch(), stage)
    assert seen == ["soft", "hard", "hard"]


def test_looks_after_the_end_of_a_video_are_in_no_segment():
    brain, item = make_brain(), make_items()[1]
    for name in ("image", "audio"):
        item[name] = item[name][:2]
    evaluate(brain, batch=PaddedBatch([item]))
    inside = brain.describe_test()["inside_segments"]
    assert inside["learned"] == [1.0, 1.0, 0.0]


def test_the_curve_ends_with_the_result():
    brain = make_brain()
    evaluate(brain)
    description = brain.describe_test()
    assert description["looks"] == 3
    learned = [
        point
        for point in description["curve"]
        if point["selection"] == "learned"
    ]
    assert [point["looks"] for point in learned] == [0, 1, 2, 3]
    costs = [point["gmacs"] for point in learned]
    assert costs == sorted(costs)
    last = learned[-1]
    average = brain.scores.summarize("average", brain.summarize)
    assert last["mAP"] == pytest.approx(average["mAP"])
    assert last["gmacs"] == pytest.approx(description["gmacs"]["average"])
    uniform = [p for p in description["curve"] if p["selection"] == "uniform"]
    assert [point["looks"] for point in uniform] == [1, 2, 3]
    assert uniform[2]["gmacs"] == pytest.approx(9.0, abs=0.01)


def test_it_tells_where_it_looked():
    brain = make_brain()
    evaluate(brain)
    inside = brain.describe_test()["inside_segments"]
    # Uniform: 3, 10, 16 of 20 s and all of the second video.
    assert inside["uniform"] == [1.0, 1.0, 0.5]
    picture = brain.pictures["a"]
    assert len(picture["looks"]) == 3
    assert picture["segments"] == [[2.5, 4.5], [9.0, 11.0]]


def test_every_output_has_a_row_in_the_table(tmp_path):
    names = [f"class {number}" for number in range(CLASSES)]
    labels = CategoricalEncoder()
    labels.update_from_iterable(names)
    brain = make_brain(output_folder=str(tmp_path), pictures=0)
    brain.label_encoder = labels
    evaluate(brain)
    scores = {
        name: brain.scores.summarize(name, brain.summarize)
        for name in brain.scores.scores
    }
    coverage = {"test": {"found": 2, "expected": 2}}
    brain.results = {"scores": scores, "coverage": coverage}
    brain.results |= brain.describe_test()
    brain._report()
    text = (tmp_path / "results.md").read_text()
    table, _, line, differences = text.split("\n\n")
    assert len(table.splitlines()) == 2 + len(scores)
    assert "3 looks, audio only" in table and "GMACs" in table
    assert line.startswith('"skimming, 3 looks and the preview\'s mean" minus')
    assert len(differences.splitlines()) == 2 + len(scores) - 1
    assert "| 3 uniform looks " in differences
    titles = differences.splitlines()[0].strip("| ").split("|")
    assert [title.strip() for title in titles] == [
        "minus",
        "top-1",
        "mAP",
        "mAP (ActivityNet)",
    ]


def test_several_classes_share_a_video():
    brain = make_brain(loss=SkimmingLoss(last_weight=0.0))
    loss = evaluate(brain, sb.Stage.VALID)
    logits = torch.from_numpy(brain.scores.scores["average"]).log()
    expected = -(logits[0, 0] + (logits[1, 1] + logits[1, 2]) / 2) / 2
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)


def test_single_looks_are_classified_as_they_are_seen():
    brain, batch = make_brain(loss=SkimmingLoss(looks_weight=1.0)), make_batch()
    predictions = brain.compute_forward(batch, sb.Stage.TRAIN)
    brain.on_stage_start(sb.Stage.TRAIN, 1)
    loss = brain.compute_objectives(predictions, batch, sb.Stage.TRAIN)
    model, (_, output) = brain.hparams.model, predictions
    n_steps = torch.tensor([20, 12])
    streams = [batch.image.data, batch.audio.data]
    fused = model.fusion(torch.cat(streams, dim=-1))
    shares = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0.5, 0.5, 0, 0]])
    expected = SkimmingLoss(looks_weight=1.0)(
        output, shares, model.classifier(fused), n_steps
    )
    assert set(expected) == {"average", "last", "states", "looks", "loss"}
    torch.testing.assert_close(loss, expected["loss"])
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("selection", ["uniform", "random", "dense"])
def test_a_control_can_be_trained(selection):
    brain = make_brain(selection=selection)
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


def test_a_selection_that_is_none_is_named():
    with pytest.raises(ValueError, match="learned, uniform.*not 'hard'"):
        make_brain(selection="hard")


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


@pytest.mark.parametrize("width, features", [(None, None), (4, 32)])
def test_a_student_that_does_not_fit_is_an_error_before_the_training(
    tmp_path, monkeypatch, width, features
):
    path = str(tmp_path / "imgaud2vid.ckpt")
    if width:
        torch.save(ImgAud2Vid(5, width=width).state_dict(), path)
    monkeypatch.setattr(skimming, "train_and_test", pytest.fail)
    hparams = vars(make_brain().hparams) | {
        "lr_factors": {},
        "student_weights": path,
    }
    run_opts = {"test_only": False, "debug": False}
    error, message = FileNotFoundError, "no weight file"
    if width:
        error, message = ValueError, f"gives {features} features, .* takes 16"
    with pytest.raises(error, match=message):
        skimming.train_skimmer(hparams, run_opts, None)


def test_published_weights_are_tested_as_published_without_a_checkpoint(
    tmp_path,
):
    brain = make_brain()
    brain.checkpointer = Checkpointer(tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint to evaluate"):
        brain.on_evaluate_start(max_key="top1")
    brain = make_brain(skimmer_weights="skimming_activitynet.pth")
    brain.checkpointer = Checkpointer(tmp_path)
    brain.on_evaluate_start(max_key="top1")
    evaluate(brain)
    batch = make_batch()
    published = PublishedSkimmer.like(brain.hparams.model).eval()
    features = {name: batch[name].data for name in ("image", "audio")}
    with torch.no_grad():
        expected = published(features, batch.image.lengths).logits.softmax(-1)
    scores = torch.from_numpy(brain.scores.scores["published"])
    torch.testing.assert_close(scores, expected)
    assert not torch.allclose(
        scores, torch.from_numpy(brain.scores.scores["soft"])
    )
    # Every frame of the published preview, every eighth one of ours.
    gmacs = brain.describe_test()["gmacs"]
    assert gmacs["published"] - gmacs["soft"] == pytest.approx(13.5 * 2.0)
