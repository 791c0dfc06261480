"""Batch normalisation with padding, against that of torch without."""

import torch

from speechbrain_pib.nnet.normalization import MaskedBatchNorm


def test_it_is_torch_batch_norm_of_the_valid_elements():
    torch.manual_seed(0)
    ours, reference = MaskedBatchNorm(6), torch.nn.BatchNorm1d(6)
    with torch.no_grad():
        ours.weight.uniform_(0.5, 2)
        ours.bias.normal_()
    reference.load_state_dict(ours.state_dict())
    for _ in range(3):
        inputs = 3 * torch.randn(4, 9, 6) + 1
        valid = torch.rand(4, 9) < 0.6
        expected = reference(inputs[valid])
        padded = torch.where(valid.unsqueeze(-1), inputs, 1e3)
        assert torch.allclose(ours(padded, valid)[valid], expected, atol=1e-5)
    for name, value in reference.state_dict().items():
        assert torch.allclose(ours.state_dict()[name], value, rtol=1e-5), name
    ours.eval(), reference.eval()
    assert torch.allclose(ours(inputs[0]), reference(inputs[0]), atol=1e-5)


def test_without_a_mask_all_elements_count():
    inputs = torch.randn(4, 9, 6)
    reference = torch.nn.BatchNorm1d(6)(inputs.flatten(0, 1))
    assert torch.allclose(
        MaskedBatchNorm(6)(inputs).flatten(0, 1), reference, atol=1e-5
    )


def test_gradient_is_that_of_torch():
    inputs = torch.randn(7, 6, dtype=torch.float64, requires_grad=True)
    factors = torch.randn(7, 6, dtype=torch.float64)
    gradients = []
    for norm in (MaskedBatchNorm(6), torch.nn.BatchNorm1d(6)):
        (norm.double()(inputs) * factors).sum().backward()
        gradients.append(inputs.grad.clone())
        inputs.grad = None
    assert torch.allclose(*gradients)


def test_a_single_element_is_normalised_by_the_running_statistics():
    norm = MaskedBatchNorm(6)
    norm(3 * torch.randn(20, 6) + 1)
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    one = torch.randn(1, 6)
    in_training = norm(one)
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(in_training, norm.eval()(one))


def test_statistics_keep_their_precision_under_autocast():
    inputs = 3 * torch.randn(4, 9, 6) + 50
    valid = torch.rand(4, 9) < 0.6
    expected = MaskedBatchNorm(6)(inputs, valid)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(MaskedBatchNorm(6)(inputs, valid), expected)


def test_distributed_training_leaves_it_as_it_is():
    model = torch.nn.Sequential(MaskedBatchNorm(6), torch.nn.BatchNorm1d(6))
    converted = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert type(converted[0]) is MaskedBatchNorm
    assert type(converted[1]) is torch.nn.SyncBatchNorm
