"""Skimming against the published code, and where it departs from it."""

import itertools
from functools import partial

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from speechbrain_pib.lobes.models.feature_bank import interpolate_preview
from speechbrain_pib.lobes.models.skimming import Skimmer, _products
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss
from speechbrain_pib.utils.skimming_weights import convert_skimmer
from speechbrain_pib.utils.weights import load_weights
from tests.helpers import read_published

SIZES = {"input_size": 16, "hidden_size": 24, "key_size": 12}
PUBLISHED = {
    "glimpses": 8,
    "moments": "first",
    "interpolation": "resize",
    "masked_norm": False,
    **SIZES,
}
SWITCHES = list(itertools.product((0, 1), repeat=4))


@pytest.fixture
def read():
    """Reads a group of numbers of the published code."""
    return partial(read_published, "listen_to_look")


def published_skimmer(state, streams, **options):
    """A skimmer that does as the published code, with the fixture's weights."""
    skimmer = Skimmer(7, streams, **PUBLISHED, **options)
    load_weights(skimmer, convert_skimmer(state), "fixture")
    return skimmer


def image_and_audio(inputs):
    """The arguments of forward."""
    features = {
        "image": inputs["image_features"],
        "audio": inputs["audio_features"],
    }
    return features, inputs["lengths"] / inputs["mask"].shape[1]


def assert_close(ours, published):
    """Equal to the tolerance of the fixtures."""
    torch.testing.assert_close(ours.cpu(), published, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("hard, once, interpolate, mean", SWITCHES)
def test_numbers_of_the_published_code(
    read, device, hard, once, interpolate, mean
):
    published = read(
        f"av_tiny_validate{hard}_flag{once}_interp{interpolate}_mean{mean}"
    )
    skimmer = published_skimmer(
        read("av_tiny_state_dict"),
        ["image", "audio"],
        start="mean" if mean else "given",
        reselect=not once,
        selection="hard_preview" if hard else "soft",
        subsample=4 if interpolate else 1,
    )
    skimmer = skimmer.eval().to(device)
    features, lengths = image_and_audio(read("av_tiny_inputs"))
    with torch.no_grad():
        output = skimmer(
            {name: stream.to(device) for name, stream in features.items()},
            lengths.to(device),
            start=published["start_index"].to(device),
        )
    fused = published["selected_image_audio_features"].transpose(1, 2)
    weights = published["modality_attention"].transpose(0, 1)
    indices = [published["image_index"], published["audio_index"]]
    assert_close(output.logits, published["predictions"])
    assert_close(
        output.step_logits.transpose(0, 1), published["step_predictions"]
    )
    assert_close(output.states.transpose(0, 1), published["h"])
    assert_close(output.features, fused)
    assert_close(output.modality_weights, weights)
    assert torch.equal(output.moments.cpu(), torch.stack(indices, dim=2))


@pytest.mark.parametrize("hard, once, interpolate, mean", SWITCHES)
def test_numbers_of_the_published_single_modality(
    read, hard, once, interpolate, mean
):
    published = read(
        f"sm_tiny_usegt{hard}_flag{once}_interp{interpolate}_mean{mean}"
    )
    skimmer = published_skimmer(
        read("sm_tiny_state_dict"),
        ["image"],
        start="mean" if mean else "given",
        reselect=not once,
        selection="hard_preview" if hard else "soft",
        subsample=4 if interpolate else 1,
        keys_from="features",
        average="mixtures",
    ).eval()
    inputs = read("sm_tiny_inputs")
    with torch.no_grad():
        output = skimmer(
            {"image": inputs["features"]},
            inputs["lengths"] / inputs["mask"].shape[1],
            start=published["start_index"],
        )
    moments = output.moments[:, :, 0]
    chosen = inputs["gt_predictions"][torch.arange(5).unsqueeze(1), moments]
    mixtures = published["features_next_soft"].transpose(0, 1)
    assert_close(output.logits, published["predictions"])
    assert_close(
        output.step_logits.transpose(0, 1), published["step_predictions"]
    )
    assert_close(output.states.transpose(0, 1), published["h"])
    assert_close(output.features, mixtures)
    assert torch.equal(moments, published["index"])
    assert_close(chosen.mean(dim=1), published["gt_predictions"])


def test_two_training_steps_of_the_published_code(read):
    published = read("av_tiny_train_two_steps")
    skimmer = published_skimmer(
        read("av_tiny_state_dict"), ["image", "audio"], reselect=False
    ).train()
    features, lengths = image_and_audio(read("av_tiny_inputs"))
    optimizer = torch.optim.SGD(
        published_groups(skimmer),
        momentum=0.9,
        nesterov=True,
        weight_decay=1e-4,
    )
    torch.manual_seed(1234)
    start = (torch.rand(5, 21) + read("av_tiny_inputs")["mask"]).argmax(dim=1)
    for step in range(2):
        output = skimmer(features, lengths, start=start)
        assert_close(output.logits, published[f"predictions_{step}"])
        loss = torch.nn.functional.cross_entropy(
            output.logits, published["labels"]
        )
        optimizer.zero_grad()
        loss.backward()
        gradients = convert_skimmer(
            {
                name.removeprefix(f"grad_{step}/"): value
                for name, value in published.items()
                if name.startswith(f"grad_{step}/")
            }
        )
        for name, parameter in skimmer.named_parameters():
            if name.startswith("step_classifier."):
                assert parameter.grad is None
            else:
                assert_close(parameter.grad, gradients[name])
        optimizer.step()
    after = {
        name.removeprefix("after/"): value
        for name, value in published.items()
        if name.startswith("after/")
    }
    for name, value in convert_skimmer(after).items():
        assert_close(skimmer.state_dict()[name], value)


def published_groups(skimmer):
    """Rates of the published command, which forgot the modality attention."""
    rates = {"classifier": 0.001, "fusion": 0.0}
    return [
        {"params": list(part.parameters()), "lr": rates.get(name, 0.01)}
        for name, part in skimmer.named_children()
        if name != "modality_attention"
    ]


def random_features(batch=3, time=12, seed=0):
    """Features of two streams."""
    generator = torch.Generator().manual_seed(seed)
    both = torch.randn(2, batch, time, 16, generator=generator)
    return {"image": both[0], "audio": both[1]}


def random_skimmer(*arguments, seed=0, **options):
    """A skimmer in evaluation whose attention is far from uniform."""
    torch.manual_seed(seed)
    skimmer = Skimmer(7, *arguments, **{"glimpses": 5, **SIZES, **options})
    with torch.no_grad():
        for parameter in skimmer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return skimmer.eval()


ALL_SELECTIONS = [
    {},
    {"subsample": 4},
    {"selection": "hard"},
    {"moments": "own", "selection": "hard", "start": "first"},
    {"average": "mixtures", "reselect": True},
]


@pytest.mark.parametrize("options", ALL_SELECTIONS)
def test_padding_changes_nothing(options):
    skimmer = random_skimmer(**options)
    features = random_features(time=9)
    padded = {
        name: torch.cat([stream, torch.full((3, 8, 16), 1e3)], dim=1)
        for name, stream in features.items()
    }
    with torch.no_grad():
        alone = skimmer(features)
        output = skimmer(padded, torch.full((3,), 9 / 17))
    assert_close(output.glimpse_logits, alone.glimpse_logits)
    assert_close(output.attention[..., :9], alone.attention)
    assert not output.attention[..., 9:].any()
    assert torch.equal(output.moments, alone.moments)


def test_padding_takes_no_part_in_training_statistics():
    features = random_features(time=9)
    padded = {
        name: torch.nn.functional.pad(stream, (0, 0, 0, 8), value=1e3)
        for name, stream in features.items()
    }
    alone, other = random_skimmer().train(), random_skimmer().train()
    logits = alone(features).logits
    assert_close(other(padded, torch.full((3,), 9 / 17)).logits, logits)
    for ours, theirs in zip(alone.buffers(), other.buffers()):
        assert_close(ours, theirs)


@pytest.mark.parametrize("options", ALL_SELECTIONS)
def test_evaluation_is_deterministic_and_each_video_by_itself(options):
    skimmer = random_skimmer(**options)
    features = random_features()
    lengths = torch.tensor([1.0, 0.5, 0.75])
    with torch.no_grad():
        torch.manual_seed(1)
        output = skimmer(features, lengths)
        torch.manual_seed(2)
        assert torch.equal(skimmer(features, lengths).logits, output.logits)
        single = skimmer({k: v[1:2] for k, v in features.items()}, lengths[1:2])
    assert_close(single.logits, output.logits[1:2])


@pytest.mark.parametrize("moments", ["shared", "own", "first"])
def test_no_moment_is_selected_twice_unless_allowed(moments):
    features = random_features(time=12)
    skimmer = random_skimmer(moments=moments)
    selected = skimmer(features).moments
    for video, stream in itertools.product(range(3), range(2)):
        assert len(set(selected[video, :, stream].tolist())) == 5
    skimmer.reselect = True
    skimmer.glimpses = 13
    assert skimmer(features).moments.shape[1] == 13
    assert skimmer(features).counted.all()


def test_a_video_shorter_than_the_episode_ends_it():
    features = random_features(time=3)
    output = random_skimmer(selection="hard")(features)
    assert output.counted.tolist() == [[True] * 4 + [False]] * 3
    assert torch.equal(output.states[:, 4], output.states[:, 3])
    assert torch.equal(output.last_logits, output.step_logits[:, 3])
    shorter = random_skimmer(selection="hard", glimpses=4)(features)
    assert_close(output.logits, shorter.logits)


def test_hard_selection_looks_at_real_features_and_fetches_no_others():
    features = random_features()
    calls = []

    def fetch(stream, indices):
        calls.append((stream, indices.tolist()))
        return features[stream][torch.arange(3), indices]

    skimmer = random_skimmer(selection="hard", subsample=4)
    with torch.no_grad():
        known = skimmer(features)
        sampled = {k: torch.zeros_like(v) for k, v in features.items()}
        for name, stream in features.items():
            sampled[name][:, ::4] = stream[:, ::4]
        lazy = skimmer(sampled, fetch=fetch)
    assert torch.equal(lazy.logits, known.logits)
    expected = [
        (name, lazy.looked_at[:, step, index].tolist())
        for step in range(1, 5)
        for index, name in enumerate(["image", "audio"])
    ]
    assert calls == expected
    assert torch.equal(lazy.looked_at[:, 1:], lazy.moments[:, :-1])
    step, moment = 2, lazy.looked_at[:, 2, 0]
    real = [features[name][torch.arange(3), moment] for name in features]
    fused = skimmer.fusion(torch.cat(real, dim=-1))
    assert_close(fused, lazy.features[:, step])


@pytest.mark.parametrize("moments", ["shared", "own", "first"])
def test_who_decides_where_hard_selection_looks(moments):
    skimmer = random_skimmer(moments=moments, selection="hard", seed=3)
    output = skimmer(random_features(time=40))
    own = output.attention.argmax(dim=-1)
    joint = output.modality_weights.unsqueeze(-1) * output.attention
    expected = {
        "shared": joint.sum(dim=2).argmax(dim=-1, keepdim=True),
        "own": own,
        "first": own[..., :1],
    }[moments].expand_as(own)
    assert torch.equal(output.looked_at[:, 1:], expected[:, :-1])
    assert not torch.equal(own[..., 0], own[..., 1])


def test_soft_selection_is_the_weighted_mixture():
    features = random_features()
    skimmer = random_skimmer()
    output = skimmer(features)
    weights = output.modality_weights[:, 1].unsqueeze(-1)
    share = (weights * output.attention[:, 1]).sum(dim=1)
    mixed = [
        torch.einsum("bt,btd->bd", share, stream)
        for stream in features.values()
    ]
    fused = skimmer.fusion(torch.cat(mixed, dim=-1))
    assert_close(fused, output.features[:, 2])


def test_curve_over_glimpses_is_that_of_shorter_episodes():
    features = random_features()
    skimmer = random_skimmer()
    output = skimmer(features)
    for glimpses in (1, 3):
        skimmer.glimpses = glimpses
        shorter = skimmer(features).logits
        assert_close(output.glimpse_logits[:, glimpses - 1], shorter)


def test_one_stream_needs_no_fusion():
    skimmer = random_skimmer(["audio"], selection="hard", start="first")
    audio = random_features()["audio"]
    output = skimmer({"audio": audio})
    assert torch.equal(output.features[:, 0], audio[:, 0])
    assert (output.modality_weights == 1).all()
    assert skimmer.modality_attention is None


def test_start_moment_is_given():
    features = random_features()
    skimmer = random_skimmer(start="given")
    start = torch.tensor([3, 0, 7])
    output = skimmer(features, start=start)
    assert torch.equal(output.looked_at[:, 0, 0], start)
    assert not (output.moments == start.view(3, 1, 1)).any()
    with pytest.raises(ValueError, match="needs the start"):
        skimmer(features)


@pytest.mark.parametrize("selection", ["soft", "hard"])
def test_every_parameter_learns(selection):
    skimmer = random_skimmer(selection=selection).train()
    output = skimmer(random_features(), torch.tensor([1.0, 0.5, 0.25]))
    SkimmingLoss()(output, torch.eye(7)[:3])["loss"].backward()
    for name, parameter in skimmer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0 or "bias" in name, name


def test_a_batch_of_one_short_video_trains():
    skimmer = random_skimmer().train()
    features = {k: v[:1, :2] for k, v in random_features().items()}
    loss = SkimmingLoss()(skimmer(features), torch.eye(7)[:1])["loss"]
    loss.backward()
    assert all(p.grad.isfinite().all() for p in skimmer.parameters())


def test_bfloat16_is_close():
    skimmer = random_skimmer()
    features = random_features()
    expected = skimmer(features)
    with torch.autocast("cpu", torch.bfloat16):
        output = skimmer(features)
    assert torch.allclose(output.logits.float(), expected.logits, atol=0.2)


@pytest.mark.parametrize("options", [{}, {"selection": "hard", "subsample": 2}])
def test_forward_is_one_graph(options):
    skimmer = random_skimmer(glimpses=2, **options)
    features, lengths = random_features(), torch.tensor([1.0, 0.5, 0.75])
    compiled = torch.compile(skimmer, fullgraph=True, backend="aot_eager")
    output = compiled(features, lengths)
    assert_close(output.logits, skimmer(features, lengths).logits)


@pytest.mark.parametrize("streams", [["image"], ["image", "audio"]])
def test_cost_is_that_of_the_operations(streams):
    skimmer = random_skimmer(streams, glimpses=4)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        skimmer({k: v[:1] for k, v in random_features(time=50).items()})
    counted = counter.get_total_flops() / 2
    assert skimmer.macs(50) == pytest.approx(counted, rel=0.02)


def test_published_cost():
    assert Skimmer(200).macs(300) / 1e9 == pytest.approx(0.279, abs=0.004)


def test_streams_of_different_length_are_an_error():
    features = random_features()
    features["audio"] = features["audio"][:, :-1]
    with pytest.raises(ValueError, match="one length"):
        random_skimmer()(features)


def test_unknown_choice_is_an_error():
    with pytest.raises(ValueError, match="soft, hard, hard_preview.*'best'"):
        Skimmer(7, selection="best")
    with pytest.raises(ValueError, match="soft, hard, hard_preview.*'best'"):
        random_skimmer()(random_features(), selection="best")


def test_a_forward_may_name_another_selection():
    soft = random_skimmer(selection="soft").eval()
    hard = random_skimmer(selection="hard").eval()
    features = random_features()
    expected = soft(features).logits
    named = soft(features, selection="hard").logits
    assert torch.equal(named, hard(features).logits)
    assert not torch.allclose(named, expected)
    assert torch.equal(soft(features).logits, expected)


@pytest.mark.parametrize("factor", [2, 3, 4, 8])
def test_interpolation_of_a_ramp_is_exact(factor):
    lengths = torch.tensor([25, 17, 13])
    time = torch.arange(25.0).expand(3, -1)
    valid = time < lengths.unsqueeze(1)
    ramp = torch.where(valid, time, 1e6).unsqueeze(-1)
    known = interpolate_preview(ramp, valid, factor).squeeze(-1)
    last = (lengths - 1) // factor * factor
    expected = torch.minimum(time, last.unsqueeze(1).float()) * valid
    assert torch.allclose(known, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_products_with_keys_are_the_same_in_either_order(dtype):
    query, keys = torch.randn(3, 8).to(dtype), torch.randn(3, 5, 8).to(dtype)
    expected = (query.unsqueeze(1).double() * keys.double()).sum(dim=-1)
    products = _products(query, keys)
    assert products.dtype == dtype
    torch.testing.assert_close(products.double(), expected, atol=0.1, rtol=0.1)
