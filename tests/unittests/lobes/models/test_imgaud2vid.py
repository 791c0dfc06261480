"""Tests of IMGAUD2VID, its networks and its teacher.

Authors
 * The speechbrain_pib developers 2026
"""

import sys

import librosa
import numpy as np
import pytest
import torch

from speechbrain_pib.lobes.models.clip_teacher import ClipTeacher
from speechbrain_pib.lobes.models.imgaud2vid import (
    ImgAud2Vid,
    LogMel,
    load_imagenet,
    load_student,
)
from speechbrain_pib.lobes.models.moment_sampling import moment_features
from speechbrain_pib.lobes.models.resnet import AudioNet, ResNet18
from speechbrain_pib.lobes.models.skimming import Skimmer
from speechbrain_pib.nnet.distillation import DistillationLoss


@pytest.fixture
def torchvision():
    """torchvision, with which we compare where it is installed."""
    return pytest.importorskip(
        "torchvision", reason="compares with torchvision"
    )


def randomize_statistics(module):
    """Gives batch norms statistics other than the initial ones."""
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.normal_(layer.running_mean, std=0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 2.0)


def test_resnet_takes_torchvisions_weights_and_gives_its_output(torchvision):
    torch.manual_seed(0)
    reference = torchvision.models.resnet18().eval()
    randomize_statistics(reference)
    ours = ResNet18(num_classes=1000).eval()
    ours.load_state_dict(reference.state_dict(), strict=True)
    images = torch.randn(2, 3, 97, 64)
    with torch.no_grad():
        assert torch.allclose(ours(images), reference(images), atol=1e-5)


def test_audio_net_is_the_published_one(torchvision):
    torch.manual_seed(0)
    reference = torchvision.models.resnet18().eval()
    reference.conv1 = torch.nn.Conv2d(1, 64, 7, 1, 3, bias=False)
    randomize_statistics(reference)
    net = AudioNet().eval()
    weights = torch.tensor([[0.5, -0.2, 0.3]])
    state = {k: v for k, v in reference.state_dict().items() if k[:2] != "fc"}
    state["frequency_pool.weight"] = weights
    state["frequency_pool.bias"] = torch.tensor([0.1])
    net.load_state_dict(state, strict=True)
    log_mel = torch.randn(2, 101, 40)
    with torch.no_grad():
        layers = torch.nn.Sequential(*list(reference.children())[:-2])
        grid = layers((log_mel[:, None] + 5) / 5)
        assert grid.shape == (2, 512, 7, 3)
        rows = 0.5 * grid[..., 0] - 0.2 * grid[..., 1] + 0.3 * grid[..., 2]
        expected = (rows + 0.1).max(dim=2).values
        assert torch.allclose(net(log_mel), expected, atol=1e-5)


@pytest.mark.parametrize("n_mels", [33, 64, 128])
def test_audio_net_takes_other_numbers_of_bands(n_mels):
    assert AudioNet(n_mels)(torch.randn(2, 50, n_mels)).shape == (2, 512)


def test_log_mel_is_librosas(device):
    generator = torch.Generator().manual_seed(0)
    wavs = 0.1 * torch.randn(2, 16000, generator=generator)
    log_mel = LogMel().to(device)(wavs.to(device)).cpu()
    assert log_mel.shape == (2, 101, 40)
    mel = librosa.feature.melspectrogram(
        y=wavs[1].numpy(),
        sr=16000,
        n_fft=400,
        win_length=320,
        hop_length=160,
        n_mels=40,
        htk=True,
        norm=None,
        pad_mode="reflect",
    )
    assert np.allclose(log_mel[1].T, np.log(mel + 1e-6), atol=1e-4)


def test_log_mel_is_float32_under_autocast(device):
    wavs = torch.randn(2, 16000, device=device)
    log_mel = LogMel().to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        inside = log_mel(wavs)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, log_mel(wavs))


def test_bytes_and_floats_are_the_same_image(device):
    model = ImgAud2Vid(3).to(device).eval()
    images = torch.arange(3 * 32 * 32).view(1, 3, 32, 32) % 256
    images = images.to(device, torch.uint8)
    with torch.no_grad():
        features = model.image_features(images)
        assert torch.allclose(features, model.image_features(images / 255.0))
        # ImageNet's normalisation, written out.
        mean = torch.tensor([0.485, 0.456, 0.406], device=device)
        std = torch.tensor([0.229, 0.224, 0.225], device=device)
        x = (images.permute(0, 2, 3, 1) / 255 - mean) / std
        expected = model.image_net(x.permute(0, 3, 1, 2))
    assert torch.allclose(features, expected, atol=1e-5)


def test_features_of_missing_sound_are_zeros(device):
    model = ImgAud2Vid(3).to(device).eval()
    wavs = torch.randn(2, 16000, device=device)
    has_audio = torch.tensor([True, False], device=device)
    features = model.audio_features(wavs, has_audio)
    assert torch.equal(features[1], torch.zeros(512, device=device))
    assert torch.equal(features[0], model.audio_features(wavs)[0])


def test_features_of_silence_are_zeros(device):
    model = ImgAud2Vid(3, width=4).to(device).eval()
    wavs = torch.zeros(4, 16000, device=device)
    wavs[1, 7] = 9e-5  # less than three steps of 16 bits
    wavs[2, 7] = -2e-4
    wavs[3] = torch.randn(16000, device=device)
    silent = ~model.audio_features(wavs).any(dim=1)
    assert silent.tolist() == [True, True, False, False]


@pytest.mark.slow
def test_student_learns_from_a_teacher_end_to_end(device):
    torch.manual_seed(0)
    model = ImgAud2Vid(4).to(device)
    images = torch.rand(4, 3, 32, 32, device=device)
    wavs = 0.1 * torch.randn(4, 16000, device=device)
    teacher = torch.randn(4, 512, device=device).relu()
    teacher_logits = 5 * torch.eye(4, device=device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        output = model(images, wavs)
        loss = DistillationLoss()(*output, teacher, teacher_logits)["loss"]
        optimizer.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_image_comes_before_the_sound_as_in_a_skimmer():
    model = ImgAud2Vid(3, width=4).eval()
    images, wavs = torch.rand(2, 3, 32, 32), torch.randn(2, 16000)
    skimmer = Skimmer(3, input_size=32, hidden_size=8, key_size=8)
    skimmer.fusion.load_state_dict(model.fusion.state_dict())
    with torch.no_grad():
        streams = {
            "image": model.image_features(images).unsqueeze(1),
            "audio": model.audio_features(wavs).unsqueeze(1),
        }
        expected = moment_features(skimmer, streams).squeeze(1)
        assert torch.allclose(model(images, wavs).features, expected)


def test_fusion_and_classifier_go_into_a_skimmer():
    model, skimmer = ImgAud2Vid(7), Skimmer(7)
    skimmer.fusion.load_state_dict(model.fusion.state_dict())
    skimmer.classifier.load_state_dict(model.classifier.state_dict())


def test_both_networks_start_from_imagenet(tmp_path):
    torch.manual_seed(0)
    imagenet = ResNet18(num_classes=1000).eval()
    path = str(tmp_path / "resnet18.pth")
    torch.save(imagenet.state_dict(), path)
    model = load_student(path)
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        pooled = imagenet.forward_features(images).mean(dim=(2, 3))
        assert torch.equal(model.image_net(images), pooled)
    kernel = model.audio_net.conv1.weight
    assert torch.equal(kernel, imagenet.conv1.weight.sum(1, keepdim=True))
    state = model.audio_net.state_dict()
    for name, value in imagenet.state_dict().items():
        if not name.startswith(("conv1", "fc")):
            assert torch.equal(state[name], value)


def test_weights_that_do_not_fit_are_named(tmp_path):
    path = str(tmp_path / "weights.pth")
    state = ResNet18(num_classes=1000).state_dict()
    del state["layer3.1.bn2.running_mean"]
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"missing layer3.1.bn2.running_mean"):
        load_imagenet(ImgAud2Vid(2), path)
    torch.save({"head.weight": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="neither of an ImgAud2Vid"):
        load_student(path)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
def test_own_weights_are_restored(tmp_path, sample_rate):
    path = str(tmp_path / "model.ckpt")
    model = ImgAud2Vid(5, sample_rate).eval()
    randomize_statistics(model)
    torch.save(model.state_dict(), path)
    restored = load_student(path)
    assert restored.sample_rate == sample_rate
    images, wavs = torch.rand(1, 3, 32, 32), torch.randn(1, sample_rate)
    assert torch.equal(
        restored(images, wavs).logits, model(images, wavs).logits
    )


def test_teacher_is_torchvisions_and_frozen(torchvision, tmp_path):
    torch.manual_seed(0)
    reference = torchvision.models.video.r2plus1d_18(num_classes=5).eval()
    randomize_statistics(reference)
    path = str(tmp_path / "r2plus1d_18.pth")
    torch.save(reference.state_dict(), path)
    teacher = ClipTeacher(path).train()
    clips = torch.randint(0, 256, (1, 4, 3, 32, 32), dtype=torch.uint8)
    output = teacher(clips)
    mean = torch.tensor([0.43216, 0.394666, 0.37645])
    std = torch.tensor([0.22803, 0.22145, 0.216989])
    x = (clips.permute(0, 1, 3, 4, 2) / 255 - mean) / std
    with torch.no_grad():
        expected = reference(x.permute(0, 4, 1, 2, 3))
        logits = reference.fc(output.features)
    assert torch.allclose(output.logits, expected, atol=1e-5)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert not any(p.requires_grad for p in teacher.parameters())


def test_teacher_without_torchvision_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models.video", None)
    with pytest.raises(ImportError, match="pip install torchvision"):
        ClipTeacher()
