"""What PlayItBackBrain changes of SpeechBrain's Brain."""

import functools
from types import SimpleNamespace

import pytest
import speechbrain as sb
import torch
from speechbrain.utils.checkpoints import Checkpointer
from speechbrain.utils.epoch_loop import EpochCounter

from speechbrain_pib import core
from speechbrain_pib.core import PlayItBackBrain, run_experiment
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.nnet.losses import PlayItBackLoss
from speechbrain_pib.nnet.schedulers import WarmupCosine
from speechbrain_pib.training.optimizers import build_optimizer


@pytest.fixture
def brain(tmp_path, device):
    """A brain with a small model, its optimizer and a checkpointer."""
    backbone = ConvNet(3, channels=[8, 16])
    model = PlayItBack(
        MultiHopFbank(100, 20, n_mels=16, n_fft=512),
        backbone,
        SlotSelector(16, slot_size=8),
        LatentDecoder(16, 3, 2, num_latents=2, latent_size=8),
        replays=1,
    )
    counter = EpochCounter(1)
    checkpointer = Checkpointer(
        str(tmp_path), {"model": model, "counter": counter}
    )
    brain = PlayItBackBrain(
        {"model": model},
        functools.partial(
            build_optimizer, name="SGD", lr=1.0, weight_decay=0.0
        ),
        {
            "model": model,
            "loss": PlayItBackLoss(),
            "schedule": WarmupCosine(0, 1),
            "seed": 1,
            "selection": "learned",
            "layer_decay": 1.0,
            "ema_decay": 0.5,
        },
        {"device": device, "max_grad_norm": 0.5},
        checkpointer,
    )
    brain.steps_per_epoch = 10
    return brain


def test_gradients_of_all_groups_are_clipped_together(brain):
    brain.init_optimizers()
    parameters = list(brain.modules.model.parameters())
    before = [p.detach().clone() for p in parameters]
    for parameter in parameters:
        parameter.grad = torch.full_like(parameter, 100.0)
    for group in brain.optimizer.param_groups:
        group["momentum"], group["nesterov"] = 0.0, False
    brain.optimizers_step()
    steps = [a - b.detach() for a, b in zip(before, parameters)]
    norm = torch.cat([step.flatten() for step in steps]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-3)
    assert all(step.abs().max() > 0 for step in steps)


def test_nothing_to_evaluate_is_an_error(brain):
    with pytest.raises(FileNotFoundError, match="train first"):
        brain.on_evaluate_start()


def test_a_set_smaller_than_a_batch_is_an_error(brain):
    clips = [{"id": "a"}] * 3
    options = {"batch_size": 4, "drop_last": True}
    with pytest.raises(ValueError, match="3 training clips .* batch of 4"):
        brain.make_dataloader(clips, sb.Stage.TRAIN, **options)


def test_the_training_order_follows_seed_and_epoch(brain):
    def order(seed, epoch):
        brain.hparams.seed = seed
        loader = brain.make_dataloader(
            torch.arange(50), sb.Stage.TRAIN, ckpt_prefix=None, batch_size=50
        )
        brain.train_sampler.set_epoch(epoch)
        return next(iter(loader)).tolist()

    assert order(1, 1) == order(1, 1)
    assert len({tuple(order(*it)) for it in ((1, 1), (1, 2), (2, 1))}) == 3


def test_random_segments_of_a_test_clip_do_not_depend_on_its_batch(brain):
    def places(*ids):
        wavs = SimpleNamespace(data=torch.zeros(len(ids), 2, 1))
        batch = SimpleNamespace(id=list(ids), wavs=wavs)
        return brain._random_places(batch, sb.Stage.TEST).tolist()

    assert places("a", "b") == places("a") + places("b")
    assert len(set(places("a", "b"))) == 4


def test_the_average_of_the_weights_is_evaluated_and_saved(brain):
    model = brain.hparams.model
    brain.init_optimizers()
    seen = []
    for _ in range(3):
        for parameter in model.parameters():
            parameter.grad = torch.randn_like(parameter)
        brain.optimizers_step()
        seen.append(model.decoder.classifier.weight.detach().clone())
    expected = 0.25 * seen[0] + 0.25 * seen[1] + 0.5 * seen[2]
    brain.on_stage_start(sb.Stage.VALID, 1)
    assert torch.allclose(model.decoder.classifier.weight, expected)
    brain.average.exchange(model)
    assert torch.equal(model.decoder.classifier.weight, seen[2])

    checkpoint = brain.checkpointer.save_checkpoint(meta={"top1": 0.1})
    torch.nn.init.zeros_(model.decoder.classifier.weight)
    brain.average.update_parameters(model)
    brain.on_evaluate_start(max_key="top1")
    assert torch.equal(model.decoder.classifier.weight, seen[2])
    brain.on_stage_start(sb.Stage.TEST)
    assert torch.allclose(model.decoder.classifier.weight, expected)
    assert checkpoint.path.exists()


def test_an_average_may_begin_in_the_middle_of_a_training(brain):
    """Checkpoints of a training without it are whole, and evaluated as they
    are."""
    model = brain.hparams.model
    brain.init_optimizers()
    average = brain.checkpointer.recoverables.pop("average")
    checkpoint = brain.checkpointer.save_checkpoint(meta={"top1": 0.1})
    trained = model.decoder.classifier.weight.detach().clone()
    torch.nn.init.zeros_(model.decoder.classifier.weight)
    brain.checkpointer.recoverables["average"] = average
    brain.on_evaluate_start(max_key="top1")
    assert checkpoint.path.exists()
    brain.on_stage_start(sb.Stage.TEST)
    assert torch.equal(model.decoder.classifier.weight, trained)


def test_what_cannot_be_read_has_no_picture_and_no_overlap(brain):
    brain.hparams.pictures = 2
    brain.hparams.controls = []
    brain.on_stage_start(sb.Stage.TEST)
    model = brain.hparams.model.eval()
    tensors = {
        "wavs": torch.randn(2, 1, 2000),
        "lengths": torch.ones(2, 1),
        "target": torch.eye(3)[:2],
        "event": torch.tensor([[0.0, 0.1]] * 2),
        "readable": torch.tensor([[False], [True]]),
    }
    batch = SimpleNamespace(
        id=["lost", "here"],
        **{
            name: SimpleNamespace(data=tensor.to(brain.device))
            for name, tensor in tensors.items()
        },
    )
    with torch.no_grad():
        output = model(batch.wavs.data[:, 0])
    brain._keep_scores(output, batch, sb.Stage.TEST)
    assert list(brain.pictures) == ["here"]
    assert brain.overlaps.gather().ids == ["here"]
    assert brain.scores.gather().ids == ["here"]


def test_a_smaller_last_batch_is_heard_as_if_it_were_full(brain):
    brain.modules.eval()
    brain.on_stage_start(sb.Stage.TEST)
    sizes = []
    brain.modules.model.register_forward_pre_hook(
        lambda _, arguments: sizes.append(len(arguments[0]))
    )
    samples = brain.hparams.model.fbank.n_samples
    wavs = torch.randn(5, samples, device=brain.device)
    lengths = torch.tensor([1.0, 0.5, 1.0, 0.8, 1.0], device=brain.device)
    with torch.no_grad():
        whole = brain._listen(wavs, lengths, None, sb.Stage.TEST)
        part = brain._listen(wavs[:2], lengths[:2], None, sb.Stage.TEST)
    assert sizes == [5, 5]
    assert part.logits.shape[0] == 2 and part.hop_length == whole.hop_length
    assert torch.allclose(part.logits, whole.logits[:2], atol=1e-5)
    assert torch.equal(part.masks, whole.masks[:2])


def make_batch(brain, clips=3, views=1):
    """Noise, with as many labels."""
    samples = brain.hparams.model.fbank.n_samples
    tensors = {
        "wavs": torch.randn(clips, views, samples),
        "lengths": torch.linspace(0.5, 1.0, clips * views).view(clips, views),
        "target": torch.eye(3)[:clips],
        "readable": torch.ones(clips, 1, dtype=torch.bool),
    }
    batch = SimpleNamespace(
        id=[f"clip{number}" for number in range(clips)],
        **{
            name: SimpleNamespace(data=tensor.to(brain.device))
            for name, tensor in tensors.items()
        },
    )
    batch.to = lambda *_, **__: batch
    return batch


class Negation(torch.nn.Module):
    """Stands for an augmentation."""

    def forward(self, wavs):
        """The same sound, other numbers."""
        return -wavs


class HalfMixing(torch.nn.Module):
    """Stands for a mixing: with the clip before, in equal shares."""

    def forward(self, wavs, targets):
        """Both of half of each."""
        return (wavs + wavs.roll(1, 0)) / 2, (targets + targets.roll(1, 0)) / 2


def test_training_hears_augmented_mixtures_and_evaluation_the_clips(brain):
    heard = []
    brain.modules["augment"] = Negation()
    brain.modules["mixing"] = HalfMixing()
    brain.modules.model.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs[:2])
    )
    batch = make_batch(brain)
    clips, eye = batch.wavs.data[:, 0], batch.target.data
    brain.on_stage_start(sb.Stage.VALID, 1)
    for stage in sb.Stage:
        _, targets = brain.compute_forward(batch, stage)
        (wavs, lengths), training = heard.pop(), stage == sb.Stage.TRAIN
        mixtures = -(clips + clips[[2, 0, 1]]) / 2 if training else clips
        shares = (eye + eye[[2, 0, 1]]) / 2 if training else eye
        torch.testing.assert_close(wavs, mixtures)
        torch.testing.assert_close(targets, shares)
        # The padding of mixtures lies anywhere.
        assert lengths is None if training else lengths is not None


def test_every_view_is_a_clip_with_the_target_of_its_own(brain):
    brain.on_stage_start(sb.Stage.VALID, 1)
    heard = []
    brain.modules.model.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs[:2])
    )
    batch = make_batch(brain, clips=2, views=3)
    _, targets = brain.compute_forward(batch, sb.Stage.VALID)
    ((wavs, lengths),) = heard
    for row in range(6):
        clip, view = divmod(row, 3)
        assert torch.equal(wavs[row], batch.wavs.data[clip, view])
        assert lengths[row] == batch.lengths.data[clip, view]
        assert torch.equal(targets[row], batch.target.data[clip])


def test_scores_are_the_mean_of_the_probabilities_of_all_views(brain):
    brain.on_stage_start(sb.Stage.TEST)
    brain.hparams.controls, brain.hparams.pictures = [], 0
    batch = make_batch(brain, clips=2, views=3)
    logits = 3 * torch.randn(3, 6, 3, device=brain.device)
    output = SimpleNamespace(
        logits=logits[0], pass_logits=logits[1:].transpose(0, 1), masks=None
    )
    brain._keep_scores(output, batch, sb.Stage.TEST)
    scores = brain.scores.gather().scores
    assert set(scores) == {"fused", "pass_0", "pass_1"}
    for name, values in zip(("fused", "pass_0", "pass_1"), logits):
        for clip in range(2):
            views = values[3 * clip : 3 * clip + 3].softmax(dim=-1)
            expected = sum(views) / 3
            assert scores[name][clip] == pytest.approx(expected.cpu().numpy())


@pytest.mark.parametrize("control", ["random", "loudest", "same_hop"])
def test_controls_replay_as_much_as_the_first_selection(brain, control):
    brain.on_stage_start(sb.Stage.TEST)
    brain.hparams.controls = [control]
    batch = make_batch(brain, views=2)
    wanted = torch.tensor([0, 1, 4, 9, 13, 20]).unsqueeze(1)
    frames = torch.arange(20)
    first = (frames < wanted).to(brain.device)
    log_mel = torch.randn(2, 6, 20, 16, device=brain.device)
    output = SimpleNamespace(
        masks=torch.stack([first, ~first], dim=1), log_mel=log_mel
    )
    heard = []
    brain.modules.model.register_forward_pre_hook(
        lambda _, inputs: heard.append(inputs)
    )
    logits = brain._control_logits(output, batch, sb.Stage.TEST)
    assert list(logits) == [f"fused_{control}"]
    ((wavs, lengths, masks),) = heard
    assert torch.equal(wavs, batch.wavs.data.flatten(0, 1))
    assert torch.equal(lengths, batch.lengths.data.flatten())
    assert masks.shape == (6, 1, 20)
    widths = 0 * wanted if control == "same_hop" else wanted
    assert torch.equal(masks.sum(dim=2).cpu(), widths)
    if control == "loudest":
        magnitude = log_mel[0].exp().sum(dim=2)
        least = magnitude.masked_fill(~masks[:, 0], torch.inf).amin(dim=1)
        most = magnitude.masked_fill(masks[:, 0], 0.0).amax(dim=1)
        assert (least > most).all()


def test_the_event_is_replayed_where_it_is_known(brain):
    brain.on_stage_start(sb.Stage.TEST)
    brain.hparams.controls = ["event"]
    batch = make_batch(brain)
    replayed = []
    brain.modules.model.register_forward_pre_hook(
        lambda _, inputs: replayed.append(inputs[2])
    )
    output = SimpleNamespace(
        # Four frames are selected, so that shorter events are widened.
        masks=(torch.arange(20, device=brain.device) < 4).expand(3, 2, -1),
        log_mel=torch.zeros(2, 3, 20, 16, device=brain.device),
    )
    assert brain._control_logits(output, batch, sb.Stage.TEST) == {}
    fbank = brain.hparams.model.fbank
    frames = torch.tensor([[0.0, 3.0], [4.5, 9.5], [17.0, 90.0]])
    seconds = frames * fbank.hop_length / fbank.sample_rate
    batch.event = SimpleNamespace(data=seconds.to(brain.device))
    brain._control_logits(output, batch, sb.Stage.TEST)
    chosen = [mask.nonzero().flatten().tolist() for mask in replayed[0][:, 0]]
    assert chosen == [[0, 1, 2, 3], [5, 6, 7, 8, 9], [16, 17, 18, 19]]


def test_training_replays_other_random_segments_each_time(brain):
    batch = make_batch(brain, views=2)
    first, second = (
        brain._random_places(batch, sb.Stage.TRAIN) for _ in range(2)
    )
    assert len({*first.tolist(), *second.tolist()}) == 12


def test_the_overlap_with_the_event_is_told_of_each_pass_that_is_replayed(
    brain,
):
    brain.hparams.model.replays = 2
    brain.on_stage_start(sb.Stage.TEST)
    batch = make_batch(brain, clips=2)
    hop = brain._hop_seconds
    # The time of frames 4 to 7.
    events = torch.tensor([[3.5, 7.5]] * 2) * hop
    batch.event = SimpleNamespace(data=events.to(brain.device))
    masks = torch.zeros(2, 3, 20, dtype=torch.bool, device=brain.device)
    masks[:, 0, 4:8] = True
    masks[0, 1, 6:12] = True
    masks[:, 2] = True
    brain._keep_overlap(SimpleNamespace(masks=masks), batch)
    passes = brain.describe_test()["overlap"]
    assert list(passes) == ["pass_0", "pass_1"]
    for name, overlap, share in (
        ("pass_0", 1.0, 4 / 20),
        ("pass_1", 2 / 8 / 2, 6 / 20 / 2),
    ):
        found = passes[name]
        assert found["intersection_over_union"] == pytest.approx(overlap)
        assert found["share_selected"] == pytest.approx(share)


def test_a_single_pass_has_an_overlap_of_what_it_would_replay(brain):
    brain.hparams.model.replays = 0
    brain.on_stage_start(sb.Stage.TEST)
    batch = make_batch(brain, clips=1)
    events = torch.tensor([[3.5, 7.5]]) * brain._hop_seconds
    batch.event = SimpleNamespace(data=events.to(brain.device))
    masks = torch.zeros(1, 1, 20, dtype=torch.bool, device=brain.device)
    masks[:, 0, 4:8] = True
    brain._keep_overlap(SimpleNamespace(masks=masks), batch)
    (found,) = brain.describe_test()["overlap"].values()
    assert found["intersection_over_union"] == pytest.approx(1.0)


def test_lower_layers_learn_more_slowly_where_it_is_asked_for(brain):
    brain.hparams.layer_decay = 0.5
    scales = {group["lr_scale"] for group in brain.make_parameter_groups()}
    assert min(scales) < 1.0 and max(scales) == 1.0


def test_a_control_replays_as_many_seconds_as_it_is_told(brain):
    brain.on_stage_start(sb.Stage.VALID, 1)
    fbank = brain.hparams.model.fbank
    brain.hparams.selection = "random"
    brain.hparams.random_seconds = 7.2 * fbank.hop_length / fbank.sample_rate
    replayed = []
    brain.modules.model.register_forward_pre_hook(
        lambda _, inputs: replayed.append(inputs[2])
    )
    brain.compute_forward(make_batch(brain), sb.Stage.VALID)
    assert replayed[0].sum(dim=2).flatten().tolist() == [7, 7, 7]


def test_random_segments_of_a_test_do_not_lie_in_padding(brain):
    lengths = torch.tensor([0.3, 0.5, 1.0], device=brain.device)
    widths = torch.full_like(lengths, 4)
    batch = make_batch(brain)
    for _ in range(10):
        batch.id = [f"{name}!" for name in batch.id]
        masks = brain._select(
            "random", batch, sb.Stage.TEST, lengths, widths
        ).cpu()
        assert (masks.sum(dim=2) == 4).all()
        last = (masks[:, 0] * torch.arange(20)).amax(dim=1)
        assert (last < torch.tensor([6, 10, 20])).all()


@pytest.mark.parametrize(
    "budget, message",
    [("0.1", "less than a single pass costs"), ("1.5", "is no budget")],
)
def test_a_budget_that_cannot_be_is_an_error_before_the_training(
    brain, budget, message
):
    hparams = {"budget": budget, "model": brain.hparams.model}
    data = SimpleNamespace(datasets={"train": [], "valid": []})
    with pytest.raises(ValueError, match=message):
        run_experiment(PlayItBackBrain, hparams, {"test_only": False}, data)


@pytest.mark.parametrize("selection", ["learned", "random"])
def test_a_control_has_no_inference_folder(
    brain, monkeypatch, caplog, selection
):
    """It would replay what the model selects, and was tested with others."""
    exported = []
    results = {"scores": {"fused": {}}}
    monkeypatch.setattr(core, "start_backbones", lambda *_: None)
    monkeypatch.setattr(core, "train_and_test", lambda *_: results)
    monkeypatch.setattr(
        core, "export_inference", lambda *_, **__: exported.append(1)
    )
    monkeypatch.setattr(core, "end_processes", lambda: None)
    hparams = {
        "model": brain.hparams.model,
        "loss": brain.hparams.loss,
        "selection": selection,
        "output_folder": "out",
        "dataset": "sounds",
    }
    run_opts = {"test_only": False, "debug": False}
    data = SimpleNamespace(label_encoder=None)
    with caplog.at_level("WARNING"):
        run_experiment(PlayItBackBrain, hparams, run_opts, data)
    assert len(exported) == (selection == "learned")
    assert ("No inference folder" in caplog.text) is (selection == "random")


@pytest.mark.parametrize("option", ["precision", "eval_precision"])
def test_slow_bfloat16_is_warned_of(monkeypatch, caplog, option):
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False
    )
    model = torch.nn.Linear(1, 1)
    hparams = {"model": model, "ema_decay": None}
    for precision in ("fp32", "bf16"):
        caplog.clear()
        PlayItBackBrain(
            {"model": model},
            hparams=hparams,
            run_opts={"device": "cpu", option: precision},
        )
        warned = "cpu has no instructions for bfloat16" in caplog.text
        assert warned is (precision == "bf16")


def test_controls_that_do_not_exist_are_an_error_before_the_training():
    hparams = {"controls": ["random", "loudly"]}
    with pytest.raises(ValueError, match="controls are .*, not loudly"):
        run_experiment(PlayItBackBrain, hparams, {"test_only": False}, None)
