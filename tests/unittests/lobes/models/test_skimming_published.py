"""Skimming against numbers of the published code.

Authors
 * The speechbrain_pib developers 2026
"""

import itertools
from functools import partial

import pytest
import torch

from speechbrain_pib.lobes.models.skimming_published import PublishedSkimmer
from speechbrain_pib.utils.skimming_weights import convert_skimmer
from speechbrain_pib.utils.weights import load_weights
from tests.helpers import read_published

SIZES = {"input_size": 16, "hidden_size": 24, "key_size": 12}
SWITCHES = list(itertools.product((0, 1), repeat=4))


@pytest.fixture
def read():
    """Reads a group of numbers of the published code."""
    return partial(read_published, "listen_to_look")


def published_skimmer(state, streams, **options):
    """A skimmer that does as the published code, with the fixture's weights."""
    skimmer = PublishedSkimmer(7, streams, looks=7, **SIZES, **options)
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
    ours = ours.to("cpu", published.dtype)
    torch.testing.assert_close(ours, published, atol=1e-5, rtol=1e-5)


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
        mean_start=bool(mean),
        reselect=not once,
        attention="hard" if hard else "soft",
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
        output.state_logits.transpose(0, 1), published["step_predictions"]
    )
    assert_close(output.states.transpose(0, 1), published["h"])
    assert_close(output.features, fused)
    assert_close(output.modality_weights, weights)
    assert torch.equal(output.selected.cpu(), torch.stack(indices, dim=2))


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
        mean_start=bool(mean),
        reselect=not once,
        attention="hard" if hard else "soft",
        subsample=4 if interpolate else 1,
    ).eval()
    inputs = read("sm_tiny_inputs")
    with torch.no_grad():
        output = skimmer(
            {"image": inputs["features"]},
            inputs["lengths"] / inputs["mask"].shape[1],
            start=published["start_index"],
        )
    selected = output.selected[:, :, 0]
    chosen = inputs["gt_predictions"][torch.arange(5).unsqueeze(1), selected]
    mixtures = published["features_next_soft"].transpose(0, 1)
    assert_close(output.logits, published["predictions"])
    assert_close(
        output.state_logits.transpose(0, 1), published["step_predictions"]
    )
    assert_close(output.states.transpose(0, 1), published["h"])
    assert_close(output.features, mixtures)
    assert torch.equal(selected, published["index"])
    assert_close(chosen.mean(dim=1), published["gt_predictions"])


def test_two_training_steps_of_the_published_code(read):
    """In float64: what the order of sums does to gradients in float32 differs
    between processors, and is as large as the tolerance."""
    published = read("av_tiny_train_two_steps")
    skimmer = published_skimmer(read("av_tiny_state_dict"), ["image", "audio"])
    skimmer.double().train()
    features, lengths = image_and_audio(read("av_tiny_inputs"))
    features = {name: stream.double() for name, stream in features.items()}
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


def test_a_start_step_is_needed_and_not_selected_again():
    skimmer = PublishedSkimmer(7, mean_start=False, looks=3, **SIZES).eval()
    features = dict(zip(skimmer.streams, torch.randn(2, 3, 12, 16)))
    start = torch.tensor([3, 0, 7])
    output = skimmer(features, start=start)
    assert torch.equal(output.looked_at[:, 0, 0], start)
    assert not (output.selected == start.view(3, 1, 1)).any()
    with pytest.raises(ValueError, match="needs the start"):
        skimmer(features)
