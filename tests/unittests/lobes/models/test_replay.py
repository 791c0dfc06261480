"""The time map against a slow loop written from its definition."""

import pytest
import torch

from speechbrain_pib.lobes.models.replay import (
    at_positions,
    frame_hops,
    frame_positions,
    mask_to_segments,
    mean_inside,
    positions_at,
    replay_density,
    salient_frames,
    to_base_frames,
    upsample_salience,
)

T = 50


def slow_positions(density):
    """Walks along the cells until the cumulated density is reached."""
    density = density.double().tolist()
    total, positions = sum(density), []
    for j in range(len(density)):
        rest = (j + 0.5) / len(density) * total
        for cell, weight in enumerate(density):
            if rest < weight:
                positions.append(cell + rest / weight)
                break
            rest -= weight
    return torch.tensor(positions)


def slow_to_base(mask, density):
    """Looks up which output frame shows the middle of each base frame."""
    density = density.double()
    edges = torch.arange(len(mask) + 1) / len(mask) * density.sum()
    base = []
    for cell in range(len(mask)):
        middle = density[:cell].sum() + density[cell] / 2
        for j in range(len(mask)):
            if edges[j] <= middle < edges[j + 1]:
                base.append(bool(mask[j]))
    return torch.tensor(base)


def masks():
    """Random masks of several densities, an empty and a full one."""
    generator = torch.Generator().manual_seed(0)
    shares = torch.tensor([0.0, 0.02, 0.3, 0.5, 0.9, 1.0]).unsqueeze(1)
    return torch.rand(6, T, generator=generator) < shares


@pytest.mark.parametrize("refinement", [2, 3, 4])
def test_positions_equal_a_slow_loop(refinement, device):
    density = replay_density(masks().to(device), refinement)
    fast = frame_positions(density).cpu()
    for clip in range(len(fast)):
        slow = slow_positions(density[clip].cpu())
        assert torch.allclose(fast[clip], slow.float(), atol=1e-3)


@pytest.mark.parametrize("refinement", [2, 3, 4])
def test_masks_go_back_to_original_time_as_in_a_slow_loop(refinement):
    density = replay_density(masks(), refinement)
    chosen = masks().flip(0)
    fast = to_base_frames(chosen, density)
    for clip in range(len(fast)):
        assert torch.equal(
            fast[clip], slow_to_base(chosen[clip], density[clip])
        )


@pytest.mark.parametrize("refinement", [2, 4])
def test_empty_and_full_masks_give_the_uniform_grid(refinement):
    uniform = torch.arange(T) + 0.5
    for fill in (torch.zeros, torch.ones):
        density = replay_density(fill(1, T, dtype=torch.bool), refinement)
        assert torch.allclose(frame_positions(density)[0], uniform, atol=1e-4)


def test_selected_part_gets_refinement_times_the_frames_of_the_rest():
    mask = torch.zeros(1, 400, dtype=torch.bool)
    mask[:, 100:200] = True
    positions = frame_positions(replay_density(mask, 4))[0]
    inside = ((positions >= 100) & (positions < 200)).sum().item()
    # 100 cells of density 4 against 300 of density 1.
    assert inside == pytest.approx(400 * 400 / 700, abs=1)


def test_positions_increase_and_stay_inside_the_clip():
    positions = frame_positions(replay_density(masks(), 4))
    assert (positions.diff(dim=1) > 0).all()
    assert positions.min() > 0 and positions.max() < T


def test_salience_is_interpolated_at_the_steps_centres():
    steps = torch.tensor([3.0, 7.0, 11.0])
    salience = upsample_salience(torch.tensor([[0.0, 4.0, 2.0]]), steps, 14)
    expected = [0, 0, 0, 0, 1, 2, 3, 4, 3.5, 3, 2.5, 2, 2, 2]
    assert torch.allclose(salience[0], torch.tensor(expected))


def test_positions_are_interpolated_between_frames():
    positions = torch.tensor([[1.0, 2.0, 6.0]])
    frames = torch.tensor([0.5, 1.75, 2.0, 9.0])
    expected = torch.tensor([[1.5, 5.0, 6.0, 6.0]])
    assert torch.allclose(positions_at(positions, frames), expected)


def test_constant_salience_selects_nothing():
    salience = torch.full((1, 400), 0.3) + 1e-8 * torch.rand(1, 400)
    valid = torch.ones(1, 400, dtype=torch.bool)
    assert not salient_frames(salience, valid, valid.float()).any()


def test_padding_is_neither_selected_nor_counted():
    salience = torch.tensor([[0.2, 0.4, 9.0, 9.0]])
    valid = torch.tensor([[True, True, False, False]])
    expected = torch.tensor([[False, True, False, False]])
    assert torch.equal(
        salient_frames(salience, valid, torch.ones(1, 4)), expected
    )


def slow_selection(salience, valid, spans, largest_share):
    """Takes the frames of one clip above its mean, the most salient first,
    while more than half of the next fits."""
    frames = [frame for frame, is_valid in enumerate(valid) if is_valid]
    mean = sum(salience[frame] for frame in frames) / len(frames)
    above = [frame for frame in frames if salience[frame] > mean + 1e-6]
    above.sort(key=lambda frame: -salience[frame])
    room = largest_share * sum(spans[frame] for frame in frames)
    selected, used = above[:1], sum(spans[frame] for frame in above[:1])
    for frame in above[1:]:
        if used + spans[frame] / 2 >= room:
            break
        selected.append(frame)
        used += spans[frame]
    return sorted(selected)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("largest_share", [0.001, 0.05, 0.2, 0.5, 1.0])
def test_the_most_salient_frames_are_selected_up_to_the_share(
    largest_share, uniform, device
):
    generator = torch.Generator().manual_seed(0)
    salience = torch.rand(6, 101, generator=generator) ** 2
    lengths = torch.tensor([1, 2, 11, 37, 80, 101]).unsqueeze(1)
    valid = torch.arange(101) < lengths
    salience[1, 5] = salience[3, 40] = 9.0  # of padding
    spans = torch.ones(6, 101)
    if not uniform:
        spans = 0.2 + 3 * torch.rand(6, 101, generator=generator)
    selected = salient_frames(
        salience.to(device), valid.to(device), spans.to(device), largest_share
    )
    for clip in range(6):
        expected = slow_selection(
            *(rows[clip].tolist() for rows in (salience, valid, spans)),
            largest_share,
        )
        assert selected[clip].nonzero().flatten().tolist() == expected


def test_of_frames_as_salient_as_each_other_the_first_are_selected(device):
    salience = torch.zeros(2, 400, device=device)
    salience[0, 100:300], salience[1, 50:] = 0.7, 0.3
    salience[1, 200] = 0.9
    valid = torch.ones(2, 400, dtype=torch.bool, device=device)
    selected = salient_frames(salience, valid, valid.float(), 0.2)
    assert selected[0].nonzero().flatten().tolist() == list(range(100, 180))
    # The most salient one, and the first of the others.
    assert selected[1].nonzero().flatten().tolist() == [*range(50, 129), 200]


def test_a_clip_of_padding_alone_selects_nothing():
    nothing = torch.zeros(1, 50, dtype=torch.bool)
    salience, spans = torch.rand(2, 1, 50)
    assert not salient_frames(salience, nothing, spans, 0.2).any()


@pytest.mark.parametrize("refinement", [2, 4, 16])
def test_hops_are_the_distances_of_frames_where_the_density_is_constant(
    refinement,
):
    density = replay_density(masks(), refinement)
    positions = frame_positions(density)
    hops = frame_hops(density, positions)
    for clip in range(6):
        cells = [int(position) for position in positions[clip]]
        for frame in range(T - 1):
            between = density[clip, cells[frame] : cells[frame + 1] + 1]
            if len(set(between.tolist())) == 1:
                distance = positions[clip, frame + 1] - positions[clip, frame]
                assert hops[clip, frame].item() == pytest.approx(
                    distance.item(), abs=1e-3
                )


def test_hops_of_the_first_pass_are_one():
    density = torch.ones(2, T)
    hops = frame_hops(density, frame_positions(density))
    torch.testing.assert_close(hops, torch.ones(2, T))


def test_positions_have_the_value_of_the_base_frame_around_them():
    values = torch.tensor([[5.0, 6.0, 7.0], [1.0, 2.0, 3.0]])
    positions = torch.tensor([[0.0, 0.99, 1.0, 3.0], [2.5, 0.5, 1.5, -0.1]])
    expected = torch.tensor([[5.0, 5.0, 6.0, 7.0], [3.0, 1.0, 2.0, 1.0]])
    assert torch.equal(at_positions(values, positions), expected)


def test_mean_inside_is_that_of_what_the_mask_selects():
    salience, mask = torch.rand(6, T), masks()
    means = mean_inside(salience, mask)
    for clip in range(6):
        inside = [
            value
            for value, selected in zip(
                salience[clip].tolist(), mask[clip].tolist()
            )
            if selected
        ]
        expected = sum(inside) / len(inside) if inside else 0.0
        assert means[clip].item() == pytest.approx(expected, abs=1e-6)


def test_segments_are_the_runs_of_the_mask_in_seconds():
    mask = torch.tensor([1, 1, 0, 0, 1, 0, 1], dtype=torch.bool)
    segments = mask_to_segments(mask, 0.1)
    expected = [(0.0, 0.15), (0.35, 0.45), (0.55, 0.65)]
    assert [pytest.approx(segment) for segment in expected] == segments
