"""Costs of skimming, against operations that torch counts.

Authors
 * The speechbrain_pib developers 2026
"""

from pathlib import Path

import pytest
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from speechbrain_pib.evaluation.skimming_costs import SkimmingCosts, Viewing
from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2Vid
from speechbrain_pib.lobes.models.skimming import Skimmer

HPARAMS = Path(__file__).resolve().parents[3] / "recipes/ActivityNet/hparams"
SIZES = {"input_size": 16, "hidden_size": 24, "key_size": 12}
GMACS = {"image": 10.0, "audio": 1.0}


def read_plain(name):
    """The plain values of a hyperparameter file."""
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_multi_constructor("!", lambda *_: None)
    return yaml.load((HPARAMS / name).read_text(), loader)


def count_gmacs(network, inputs):
    """Multiply-accumulate operations of a network, in 1e9."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(inputs)
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(
    ("name", "width"), [("skim.yaml", 64), ("miniature.yaml", 16)]
)
def test_recipes_know_the_cost_of_features(name, width):
    hparams = read_plain(name)
    student, size = ImgAud2Vid(6, width=width).eval(), hparams["image_size"]
    image = count_gmacs(student.image_net, torch.zeros(1, 3, size, size))
    audio = count_gmacs(student.audio_net, torch.zeros(1, 101, 40))
    assert hparams["stream_gmacs"]["image"] == pytest.approx(image, rel=0.01)
    assert hparams["stream_gmacs"]["audio"] == pytest.approx(audio, rel=0.01)


def test_skimming_pays_for_preview_looks_and_itself():
    skimmer = Skimmer(7, subsample=[8, 1], **SIZES)
    cost = SkimmingCosts(skimmer, GMACS).of(Viewing("learned", 3), [20])
    # Frames 0, 8, 16 and three looks; every second of sound.
    expected = 6 * 10.0 + 20 * 1.0 + skimmer.macs(20, 3) / 1e9
    assert cost == pytest.approx(expected)


def test_mixtures_of_the_preview_look_at_nothing():
    costs = SkimmingCosts(Skimmer(7, subsample=8, **SIZES), GMACS)
    hard = costs.of(Viewing("learned", 3, "hard"), [20])
    soft = costs.of(Viewing("learned", 3, "soft"), [20])
    assert hard - soft == pytest.approx(3 * 11.0)


def test_controls_pay_for_their_looks_only():
    skimmer = Skimmer(7, subsample=[8, 1], **SIZES)
    costs = SkimmingCosts(skimmer, GMACS)
    small = (3 * 32 * 32 + 3 * 32 * 16 + 16 * 7) / 1e9
    uniform = costs.of(Viewing("uniform", 3), [20, 30])
    assert uniform == pytest.approx(33 + small)
    dense = costs.of(Viewing("dense"), [20, 30])
    assert dense == pytest.approx(25 * 11.0, rel=1e-4)


def test_controls_pay_for_fusion_and_classifier():
    skimmer = Skimmer(7, **SIZES)
    costs = SkimmingCosts(skimmer, {"image": 0.0, "audio": 0.0})
    macs = 5 * (32 * 32 + 32 * 16) + 16 * 7
    assert costs.of(Viewing("dense"), [5]) == pytest.approx(macs / 1e9)


def test_a_short_video_has_no_more_steps_than_it_has():
    costs = SkimmingCosts(Skimmer(7, **SIZES), GMACS)
    for selection in ("uniform", "random"):
        cost = costs.of(Viewing(selection, 9), [2])
        assert cost == pytest.approx(costs.of(Viewing("dense"), [2]))


def test_one_stream_pays_for_itself():
    costs = SkimmingCosts(Skimmer(7, **SIZES), GMACS)
    image, audio = (
        costs.of(Viewing("learned", 3, stream=name), [20])
        for name in ("image", "audio")
    )
    assert image - audio == pytest.approx(180.0)
