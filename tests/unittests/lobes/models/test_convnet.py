"""Tests of the convolutional backbone.

Authors
 * The speechbrain_pib developers 2026
"""

import pytest
import torch

from speechbrain_pib.lobes.models.convnet import ConvNet


@pytest.fixture
def model(device):
    torch.manual_seed(0)
    return ConvNet(5, channels=(16, 16, 32, 64)).eval().to(device)


@pytest.mark.parametrize("num_frames", [2, 8, 9, 17, 31, 64, 401])
def test_one_position_per_row_of_the_grid(model, device, num_frames):
    log_mel = torch.randn(2, num_frames, 32, device=device)
    grid, logits = model(log_mel)
    positions = model.token_positions(num_frames)
    assert grid.shape == (2, len(positions), 4, model.output_size)
    assert logits.shape == (2, 5)
    assert positions[0] >= 0 and positions[-1] <= num_frames - 1


@pytest.mark.parametrize("frame", [48, 57, 100, 131, 150])
def test_positions_are_where_an_impulse_answers(device, frame):
    """Centre of mass of the answer, in the mean of many random networks."""
    silence = torch.full((1, 200, 32), -13.8, device=device)
    impulse = silence.clone()
    impulse[:, frame] = 0.0
    change = 0
    for seed in range(40):
        torch.manual_seed(seed)
        model = ConvNet(2, channels=(16, 16, 32, 32)).to(device)
        with torch.no_grad():
            grids = model.forward_features(torch.cat([silence, impulse]))
        change = change + (grids[1] - grids[0]).square().sum(dim=(1, 2))
    # Group norm lets a little of the impulse through to every row.
    change = change - change.median()
    positions = model.token_positions(200)
    centre = (change * positions).sum() / change.sum()
    assert centre.item() == pytest.approx(frame, abs=model.time_stride / 4)
    assert (positions[change.argmax()] - frame).abs() < 1.5 * model.time_stride


def test_logits_are_the_head_of_the_mean_of_the_grid(model, device):
    grid, logits = model(torch.randn(3, 64, 32, device=device))
    mean = grid.flatten(1, 2).mean(dim=1)
    torch.testing.assert_close(model.forward_head(mean), logits)
    slots = torch.stack([mean, mean], dim=1)
    assert model.forward_head(slots).shape == (3, 2, 5)


def test_a_clip_does_not_depend_on_its_batch(model, device):
    log_mel = torch.randn(4, 64, 32, device=device)
    log_mel[1] *= 100
    together = model(log_mel)[1]
    alone = torch.cat([model(clip[None])[1] for clip in log_mel])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_training_does_not_depend_on_the_batch_either(model, device):
    """No batch statistics: same features in both modes."""
    log_mel = torch.randn(4, 64, 32, device=device)
    evaluated = model.forward_features(log_mel)
    torch.testing.assert_close(
        model.train().forward_features(log_mel[:1]), evaluated[:1]
    )


def test_every_parameter_gets_a_gradient(model, device):
    model(torch.randn(2, 64, 32, device=device))[1].square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_silence_gives_finite_logits(model, device):
    silence = torch.full((1, 64, 32), -13.8155, device=device)
    assert model(silence)[1].isfinite().all()


@pytest.mark.parametrize("training", [False, True])
def test_dropout_is_before_the_head(training):
    backbone = ConvNet(5, channels=[8, 16], dropout=0.5).train(training)
    pooled = torch.rand(3, 16) + 1.0
    logits = backbone.forward_head(pooled)
    assert torch.allclose(logits, backbone.head(pooled)) != training
