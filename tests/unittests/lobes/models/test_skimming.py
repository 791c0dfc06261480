"""Skimming: what is selected, looked at and learned.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from speechbrain_pib.lobes.models.feature_bank import interpolate_preview
from speechbrain_pib.lobes.models.skimming import Skimmer, _products
from speechbrain_pib.nnet.skimming_losses import SkimmingLoss

SIZES = {"input_size": 16, "hidden_size": 24, "key_size": 12}


def assert_close(ours, expected):
    """Equal but for the order of float32 sums."""
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


def random_features(batch=3, time=12, seed=0):
    """Features of two streams."""
    generator = torch.Generator().manual_seed(seed)
    both = torch.randn(2, batch, time, 16, generator=generator)
    return {"image": both[0], "audio": both[1]}


def random_skimmer(*arguments, seed=0, **options):
    """A skimmer in evaluation whose attention is far from uniform."""
    torch.manual_seed(seed)
    skimmer = Skimmer(7, *arguments, **{"looks": 4, **SIZES, **options})
    with torch.no_grad():
        for parameter in skimmer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return skimmer.eval()


OPTIONS = [{}, {"subsample": 4}, {"attention": "hard"}]


@pytest.mark.parametrize("options", OPTIONS)
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
    assert_close(output.look_logits, alone.look_logits)
    assert_close(output.attention[..., :9], alone.attention)
    assert not output.attention[..., 9:].any()
    assert torch.equal(output.selected, alone.selected)


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


def test_a_video_that_is_over_takes_no_part_in_training_statistics():
    skimmer, told = random_skimmer().train(), []
    skimmer.queries["audio"].norm.register_forward_pre_hook(
        lambda _, inputs: told.append(inputs[1])
    )
    output = skimmer(random_features(), torch.tensor([1.0, 2 / 12, 3 / 12]))
    assert torch.equal(torch.stack(told, dim=1), output.counted)
    assert output.counted.sum(dim=1).tolist() == [5, 3, 4]


@pytest.mark.parametrize("options", OPTIONS)
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


def test_no_step_is_selected_twice():
    selected = random_skimmer()(random_features(time=12)).selected
    for video, stream in itertools.product(range(3), range(2)):
        assert len(set(selected[video, :, stream].tolist())) == 5


def test_a_video_shorter_than_the_looks_ends_them():
    features = random_features(time=3)
    output = random_skimmer(attention="hard")(features)
    assert output.counted.tolist() == [[True] * 4 + [False]] * 3
    assert torch.equal(output.states[:, 4], output.states[:, 3])
    assert torch.equal(output.last_logits, output.state_logits[:, 3])
    shorter = random_skimmer(attention="hard", looks=3)(features)
    assert_close(output.logits, shorter.logits)


def test_hard_attention_looks_at_real_features_and_fetches_no_others():
    features = random_features()
    calls = []

    def fetch(stream, indices):
        calls.append((stream, indices.tolist()))
        return features[stream][torch.arange(3), indices]

    skimmer = random_skimmer(attention="hard", subsample=4)
    with torch.no_grad():
        known = skimmer(features)
        sampled = {k: torch.zeros_like(v) for k, v in features.items()}
        for name, stream in features.items():
            sampled[name][:, ::4] = stream[:, ::4]
        lazy = skimmer(sampled, fetch=fetch)
    assert torch.equal(lazy.logits, known.logits)
    expected = [
        (name, lazy.looked_at[:, look, index].tolist())
        for look in range(1, 5)
        for index, name in enumerate(["image", "audio"])
    ]
    assert calls == expected
    assert torch.equal(lazy.looked_at[:, 1:], lazy.selected[:, :-1])
    step = lazy.looked_at[:, 2, 0]
    real = [features[name][torch.arange(3), step] for name in features]
    fused = skimmer.fusion(torch.cat(real, dim=-1))
    assert_close(fused, lazy.features[:, 2])


def test_all_streams_look_where_their_queries_agree_most():
    skimmer = random_skimmer(attention="hard", seed=3)
    output = skimmer(random_features(time=40))
    own = output.attention.argmax(dim=-1)
    joint = output.modality_weights.unsqueeze(-1) * output.attention
    expected = joint.sum(dim=2).argmax(dim=-1, keepdim=True).expand_as(own)
    assert torch.equal(output.looked_at[:, 1:], expected[:, :-1])
    assert not torch.equal(own[..., 0], own[..., 1])


def test_soft_attention_is_the_weighted_mixture():
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


def test_curve_over_looks_is_that_of_fewer_looks():
    features = random_features()
    skimmer = random_skimmer()
    output = skimmer(features)
    for looks in (0, 2):
        skimmer.looks = looks
        assert_close(output.look_logits[:, looks], skimmer(features).logits)


def test_one_stream_needs_no_fusion():
    skimmer = random_skimmer(["audio"], attention="hard")
    audio = random_features()["audio"]
    output = skimmer({"audio": audio})
    first = output.looked_at[:, 1, 0]
    assert_close(output.features[:, 0], audio.mean(dim=1))
    assert torch.equal(output.features[:, 1], audio[torch.arange(3), first])
    assert (output.modality_weights == 1).all()
    assert skimmer.modality_attention is None


@pytest.mark.parametrize("attention", ["soft", "hard"])
def test_every_parameter_learns(attention):
    skimmer = random_skimmer(attention=attention).train()
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


@pytest.mark.parametrize("options", [{}, {"attention": "hard", "subsample": 2}])
def test_forward_is_one_graph(options):
    skimmer = random_skimmer(looks=1, **options)
    features, lengths = random_features(), torch.tensor([1.0, 0.5, 0.75])
    compiled = torch.compile(skimmer, fullgraph=True, backend="aot_eager")
    output = compiled(features, lengths)
    assert_close(output.logits, skimmer(features, lengths).logits)


@pytest.mark.parametrize("streams", [["image"], ["image", "audio"]])
def test_cost_is_that_of_the_operations(streams):
    skimmer = random_skimmer(streams, looks=3)
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


def test_unknown_attention_is_an_error():
    with pytest.raises(ValueError, match="attention is soft or hard.*'best'"):
        Skimmer(7, attention="best")
    with pytest.raises(ValueError, match="attention is soft or hard.*'best'"):
        random_skimmer()(random_features(), attention="best")


def test_a_forward_may_name_another_attention():
    soft = random_skimmer(attention="soft").eval()
    hard = random_skimmer(attention="hard").eval()
    features = random_features()
    expected = soft(features).logits
    named = soft(features, attention="hard").logits
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


def test_nobody_looks_on_at_a_video_that_is_sure():
    skimmer = random_skimmer(attention="hard")
    features = random_features(batch=6)
    with torch.no_grad():
        whole = skimmer(features)
        sure = whole.look_logits.softmax(dim=-1).amax(dim=-1)
        threshold = sure[:, :-1].amax(dim=1).median().item() + 1e-4
        output = skimmer(features, threshold=threshold)
    for video in range(6):
        ends = [n for n in range(5) if sure[video, n] >= threshold] + [4]
        assert output.counted[video].sum() == ends[0] + 1
        assert_close(output.logits[video], whole.look_logits[video, ends[0]])
    assert 1 < len(output.counted.sum(dim=1).unique())


def test_nothing_is_fetched_for_a_video_that_is_sure_at_once():
    skimmer, fetched = random_skimmer(attention="hard"), []
    features = random_features(batch=1)

    def fetch(stream, indices):
        fetched.append(stream)
        return features[stream][:, int(indices[0])]

    with torch.no_grad():
        whole = skimmer(features)
        output = skimmer(features, fetch=fetch, threshold=0.0)
    assert not fetched and output.look_logits.shape[1] == 1
    assert_close(output.logits, whole.look_logits[:, 0])
