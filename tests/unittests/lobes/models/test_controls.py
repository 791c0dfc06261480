"""Control selections by hand."""

import pytest
import torch

from speechbrain_pib.lobes.models.controls import (
    event_frames,
    loudest_frames,
    random_segments,
)


def test_random_segments_have_the_width_asked_for_and_fit():
    places = torch.rand(200)
    widths = torch.randint(0, 51, (200,))
    masks = random_segments(places, widths, 50)
    assert torch.equal(masks.sum(1), widths)
    runs = torch.nn.functional.pad(masks.int(), (1, 1)).diff().abs().sum(1)
    assert torch.equal(runs, 2 * (widths > 0))


def test_random_segments_reach_both_ends():
    masks = random_segments(torch.tensor([0.0, 1.0]), torch.tensor([3, 3]), 10)
    assert masks[0, :3].all() and masks[1, -3:].all()


def test_loudest_frames_are_those_of_most_magnitude():
    log_mel = torch.randn(4, 30, 8)
    widths = torch.tensor([0, 1, 10, 30])
    masks = loudest_frames(log_mel, widths)
    magnitude = log_mel.exp().sum(-1)
    for clip, width in enumerate(widths.tolist()):
        expected = magnitude[clip].topk(width).indices.sort().values
        assert torch.equal(masks[clip].nonzero().squeeze(1), expected)


def test_of_frames_as_loud_as_each_other_the_first_are_the_loudest(device):
    widths = torch.tensor([80], device=device)
    masks = loudest_frames(torch.zeros(1, 400, 8, device=device), widths)
    assert masks[0].nonzero().flatten().tolist() == list(range(80))


def test_event_frames_are_centred_in_the_event():
    widths = torch.tensor([1])
    mask = event_frames(torch.tensor([[0.25, 0.5]]), widths, 8, 0.1)
    assert mask[0].tolist() == [False] * 3 + [True] * 2 + [False] * 3


@pytest.mark.parametrize(
    "event, frames",
    [
        ([0.28, 0.42], range(1, 6)),
        ([0.0, 0.1], range(5)),
        ([0.75, 0.8], range(5, 10)),
        ([0.1, 0.85], range(1, 9)),
    ],
)
def test_short_events_are_replayed_with_what_is_around_them(event, frames):
    mask = event_frames(torch.tensor([event]), torch.tensor([5]), 10, 0.1)
    assert mask[0].nonzero().flatten().tolist() == list(frames)
