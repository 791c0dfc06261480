"""The contract of backbones, which each of them is put through.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.lobes.models.backbones import Backbone
from tests.backbones import CASES, CLASSES


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture
def backbone(case, device):
    return case.build().eval().to(device)


def frames(case, n_frames, batch=2, device="cpu"):
    """Frames of noise at the scale of a log-mel."""
    return 2 * torch.randn(batch, n_frames, case.n_mels, device=device) - 4


def test_it_says_what_a_backbone_says(backbone, device):
    assert isinstance(backbone, Backbone)
    assert backbone.head.in_features == backbone.output_size
    pooled = torch.randn(3, 2, backbone.output_size, device=device)
    assert backbone.forward_head(pooled).shape == (3, 2, CLASSES)


@pytest.mark.parametrize("more", [0, 1, 7, 22, 63, 64, 97])
def test_frames_of_any_number_make_a_grid_with_positions(
    case, backbone, device, more
):
    n_frames = backbone.fewest_frames + more
    with torch.no_grad():
        grid, logits = backbone(frames(case, n_frames, device=device))
    positions = backbone.token_positions(n_frames)
    assert grid.shape[:2] == (2, len(positions))
    assert grid.shape[3] == backbone.output_size
    assert logits.shape == (2, CLASSES) and logits.isfinite().all()
    assert positions.device == grid.device
    assert positions[0] >= 0 and positions[-1] <= n_frames - 1
    assert (positions.diff() > 0).all()
    expected = backbone.forward_head(grid.mean(dim=(1, 2)))
    torch.testing.assert_close(logits, expected)


@pytest.mark.parametrize("more", [0, 5])
def test_positions_are_where_a_step_listens(case, device, more):
    """By the derivatives of a step in the middle, of several networks: the
    middle of the frames that it answers to, or their centre of mass where it
    answers a little to all, as by attention."""
    n_frames = (12 * case.stride if case.local else 256) + more
    answers = torch.zeros(n_frames, device=device)
    for seed in range(8):
        torch.manual_seed(seed)
        backbone = case.build().eval().to(device)
        log_mel = frames(case, n_frames, 1, device).requires_grad_()
        grid = backbone.forward_features(log_mel)
        step = grid[:, grid.shape[1] // 2]
        seen = (step * torch.randn_like(step)).sum()
        (gradient,) = torch.autograd.grad(seen, log_mel)
        answers += gradient.square().sum(dim=(0, 2))
    times = torch.arange(n_frames, device=device, dtype=torch.float32)
    if case.local:
        answered = times[answers > 0]
        assert 0 < answered[0] and answered[-1] < n_frames - 1
        centre = (answered[0] + answered[-1]) / 2
    else:
        answers = (answers - 2 * answers.median()).clamp(min=0)
        centre = (answers * times).sum() / answers.sum()
    position = backbone.token_positions(n_frames)[grid.shape[1] // 2]
    assert (centre - position).abs() < max(case.stride / 4, 0.5)


@pytest.mark.parametrize("training", [False, True])
def test_other_clips_do_not_leak(case, backbone, device, training):
    backbone.train(training)
    log_mel = frames(case, 100, 3, device)
    with torch.no_grad():
        alone = backbone.forward_features(log_mel[:1])
        log_mel[1] *= 100
        together = backbone.forward_features(log_mel)[:1]
    scale = alone.abs().max()
    assert (together - alone).abs().max() < 1e-5 * scale


def test_padding_does_not_leak_beyond_its_reach(case, backbone, device):
    """A step long before the end does not know how much silence follows."""
    if not case.local:
        pytest.skip("mixes all frames")
    log_mel = frames(case, 512, 1, device)
    longer = torch.cat([log_mel, torch.full_like(log_mel, -7.0)], dim=1)
    with torch.no_grad():
        grids = [backbone.forward_features(x) for x in (log_mel, longer)]
    before = len(backbone.token_positions(512)) // 3
    first, second = (grid[:, :before] for grid in grids)
    torch.testing.assert_close(first, second, atol=1e-5, rtol=1e-4)


def test_every_parameter_gets_a_gradient(case, backbone, device):
    log_mel = frames(case, 100, device=device)
    backbone.train()(log_mel)[1].square().sum().backward()
    for name, parameter in backbone.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_bfloat16_stays_close_to_float32(case, backbone, device):
    log_mel = frames(case, 200, 4, device)
    with torch.no_grad():
        exact = backbone.forward_features(log_mel)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            rough = backbone.forward_features(log_mel).float()
    assert (rough - exact).norm() < 0.05 * exact.norm()


def test_its_own_weights_are_its_own(backbone):
    state = backbone.state_dict()
    converted = backbone.convert_weights(state)
    assert converted.keys() == state.keys()
    assert all(torch.equal(converted[name], state[name]) for name in state)


@pytest.mark.slow
def test_it_compiles_as_one_graph(case, backbone, device):
    if type(backbone).__name__ == "BEATs":
        pytest.skip("SpeechBrain's BEATs looks at its data to drop layers")
    torch._dynamo.reset()
    compiled = torch.compile(backbone, fullgraph=True, dynamic=False)
    log_mel = frames(case, 100, device=device)
    with torch.no_grad():
        for seen, expected in zip(compiled(log_mel), backbone(log_mel)):
            torch.testing.assert_close(seen, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_it_exports_for_batches_of_any_size(case, backbone, device):
    log_mel = frames(case, 100, device=device)
    program = torch.export.export(
        backbone, (log_mel,), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    log_mel = frames(case, 100, 3, device)
    with torch.no_grad():
        for seen, expected in zip(program.module()(log_mel), backbone(log_mel)):
            torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)
