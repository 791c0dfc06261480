"""The front end without a Fourier transform, against the one with it."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.fourier_basis import with_fourier_basis
from speechbrain_pib.lobes.pretrained_features import (
    FRONT_ENDS,
    PretrainedFbank,
)

SETTINGS = [
    {},
    {"n_fft": 400, "n_mels": 13, "log_offset": 1e-3},
    {"win_length": 321},
    {"win_hops": 4.0},
    {"subtract_mean": True, "f_min": 50.0, "f_max": 7000.0},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_values_are_those_of_the_transform(settings):
    fbank = MultiHopFbank(200, 40, **settings)
    basis = with_fourier_basis(fbank)
    wavs = 0.1 * torch.randn(3, fbank.n_samples)
    wavs[1] = 0.0
    wavs[2] = wavs[2].sign()
    # Anywhere, also where there is no sound.
    centres = torch.rand(3, 40) * 12000 - 2000
    hops = torch.rand(3, 40) * 200
    for given in ((), (centres,), (centres, hops)):
        expected = fbank(wavs, *given)
        assert torch.allclose(basis(wavs, *given), expected, atol=2e-4)


@pytest.mark.parametrize("network", FRONT_ENDS)
def test_values_are_those_that_a_pretrained_network_knows(network):
    fbank = PretrainedFbank(network, n_frames=40)
    wavs = 0.1 * torch.randn(2, fbank.n_samples)
    expected = fbank(wavs)
    assert torch.allclose(with_fourier_basis(fbank)(wavs), expected, atol=1e-3)


def test_the_given_front_end_is_left_as_it_is():
    fbank = MultiHopFbank(200, 10)
    before = set(fbank.state_dict()), set(dict(fbank.named_buffers()))
    basis = with_fourier_basis(fbank)
    assert (set(fbank.state_dict()), set(dict(fbank.named_buffers()))) == before
    assert not basis.state_dict(), "weights of a model do not change"
    assert basis.n_samples == fbank.n_samples


class Operators(TorchDispatchMode):
    """Notes the operators that are called, and whether any is complex."""

    def __init__(self):
        super().__init__()
        self.names, self.complex = set(), False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        self.names.add(str(function))
        for value in (*args, result):
            if isinstance(value, torch.Tensor):
                self.complex |= value.is_complex()
        return result


def test_no_operator_is_a_transform_or_complex():
    fbank = MultiHopFbank(200, 10)
    with Operators() as usual:
        fbank(torch.randn(2, 2000))
    assert usual.complex and any("fft" in name for name in usual.names)
    basis = with_fourier_basis(fbank)
    with Operators() as exported:
        basis(torch.randn(2, 2000))
    assert not exported.complex
    assert not any("fft" in name for name in exported.names)
