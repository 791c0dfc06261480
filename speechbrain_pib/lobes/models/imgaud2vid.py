"""IMGAUD2VID: features of a video clip from one image and its sound
(Listen to Look, https://arxiv.org/abs/1912.04487).

A teacher sees the clip; the student, 17 times cheaper, learns its features
from a single frame and a second of sound (`nnet.distillation`).

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch
from speechbrain.utils.autocast import fwd_default_precision
from torchaudio.transforms import MelSpectrogram

from speechbrain_pib.lobes.models.feature_bank import FusionNet
from speechbrain_pib.lobes.models.resnet import AudioNet, ResNet18
from speechbrain_pib.utils.silence import is_silent
from speechbrain_pib.utils.weight_files import read_state
from speechbrain_pib.utils.weights import load_weights

# Of ImageNet, in RGB.
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


class LogMel(torch.nn.Module):
    """Log-mel spectrogram of a second of sound: 101 frames of 40 bands.

    Natural logarithm of the mel powers, windows of 20 ms every 10 ms, the
    first centred at the first sample. Always computed in float32.

    Arguments
    ---------
    sample_rate : int
        Of the waveforms, in Hz.
    n_mels : int
        Number of mel bands.
    log_offset : float
        Added to the powers before the logarithm.

    Example
    -------
    >>> LogMel()(torch.randn(2, 16000)).shape
    torch.Size([2, 101, 40])
    """

    def __init__(self, sample_rate=16000, n_mels=40, log_offset=1e-6):
        super().__init__()
        self.sample_rate = sample_rate
        self.n_mels = n_mels
        self.log_offset = log_offset
        self.mel = MelSpectrogram(
            sample_rate,
            n_fft=sample_rate // 40,
            win_length=sample_rate // 50,
            hop_length=sample_rate // 100,
            n_mels=n_mels,
        )

    @fwd_default_precision(cast_inputs=torch.float32)
    def forward(self, wavs):
        """Compute the spectrogram.

        Arguments
        ---------
        wavs : torch.Tensor
            Waveforms [batch, samples].

        Returns
        -------
        log_mel : torch.Tensor
            [batch, frames, n_mels]
        """
        return torch.log(self.mel(wavs) + self.log_offset).transpose(1, 2)


class ImgAud2VidOutput(NamedTuple):
    """Output of the student for a batch of moments.

    Arguments
    ---------
    features : torch.Tensor
        Fused, like those of the teacher [batch, 512].
    logits : torch.Tensor
        Class scores before softmax [batch, num_classes].

    Example
    -------
    >>> ImgAud2VidOutput(torch.zeros(2, 512), torch.zeros(2, 7)).logits.shape
    torch.Size([2, 7])
    """

    features: torch.Tensor
    logits: torch.Tensor


class ImgAud2Vid(torch.nn.Module):
    """Student network: features of a clip from its first frame and its sound.

    `fusion` and `classifier` are those of a `Skimmer` of as many classes.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    sample_rate : int
        Of the waveforms, in Hz.
    width : int
        Channels of the first layers of both networks; there are 8 times as
        many features. 64 is ResNet-18.

    Example
    -------
    >>> model = ImgAud2Vid(7)
    >>> images = torch.zeros(2, 3, 64, 64, dtype=torch.uint8)
    >>> output = model(images, torch.randn(2, 16000))
    >>> output.features.shape, output.logits.shape
    (torch.Size([2, 512]), torch.Size([2, 7]))
    """

    def __init__(self, num_classes, sample_rate=16000, width=64):
        super().__init__()
        self.num_classes = num_classes
        self.sample_rate = sample_rate
        self.width = width
        self.image_net = ResNet18(width=width)
        self.log_mel = LogMel(sample_rate)
        self.audio_net = AudioNet(self.log_mel.n_mels, width)
        self.output_size = self.image_net.output_size
        self.fusion = FusionNet(self.output_size)
        self.classifier = torch.nn.Linear(self.output_size, num_classes)
        for name, values in (("mean", IMAGE_MEAN), ("std", IMAGE_STD)):
            values = torch.tensor(values).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def forward(self, images, wavs, has_audio=None):
        """Compute features and logits of images with their sound.

        Arguments
        ---------
        images : torch.Tensor
            As for `image_features`.
        wavs : torch.Tensor
            As for `audio_features`.
        has_audio : torch.Tensor
            As for `audio_features`.

        Returns
        -------
        output : ImgAud2VidOutput
        """
        image = self.image_features(images)
        audio = self.audio_features(wavs, has_audio)
        features = self.fusion(torch.cat([image, audio], dim=-1))
        return ImgAud2VidOutput(features, self.classifier(features))

    def image_features(self, images):
        """Compute features of images.

        Arguments
        ---------
        images : torch.Tensor
            RGB [batch, 3, height, width], uint8, or floats from 0 to 1.

        Returns
        -------
        features : torch.Tensor
            [batch, 8 * width]
        """
        if images.dtype == torch.uint8:
            images = images / 255
        return self.image_net((images - self.mean) / self.std)

    def audio_features(self, wavs, has_audio=None):
        """Compute features of sound.

        Arguments
        ---------
        wavs : torch.Tensor
            A second of each [batch, samples].
        has_audio : torch.Tensor
            Boolean [batch]; features are 0 where it is False (default: where
            a waveform is silent).

        Returns
        -------
        features : torch.Tensor
            [batch, 8 * width]
        """
        features = self.audio_net(self.log_mel(wavs))
        if has_audio is None:
            has_audio = ~is_silent(wavs)
        return torch.where(has_audio.unsqueeze(-1), features, 0.0)


def load_imagenet(model, path):
    """Initialise both networks of a student with torchvision's ResNet-18.

    The sound's first kernel is the sum of the image's over the colours; the
    head for 1000 classes is left out.

    Arguments
    ---------
    model : ImgAud2Vid
        Where the weights go.
    path : str
        The weight file, such as resnet18-f37072fd.pth.

    Raises
    ------
    ValueError
        Names each entry that is missing, unknown or of another shape.

    Example
    -------
    >>> path = str(getfixture("tmpdir").join("resnet18.pth"))
    >>> torch.save(ResNet18(num_classes=1000).state_dict(), path)
    >>> load_imagenet(ImgAud2Vid(7), path)
    """
    state = read_state(path)
    state = {
        k: v for k, v in state.items() if k not in ("fc.weight", "fc.bias")
    }
    load_weights(model.image_net, state, path)
    state["conv1.weight"] = state["conv1.weight"].sum(dim=1, keepdim=True)
    pool = model.audio_net.frequency_pool.state_dict()
    state.update({f"frequency_pool.{k}": v for k, v in pool.items()})
    load_weights(model.audio_net, state, path)


def start_student(model, path):
    """Initialise a student with another one, or with torchvision's ResNet-18.

    Arguments
    ---------
    model : ImgAud2Vid
        Where the weights go; it keeps its own classifier if the other one is
        of another number of classes.
    path : str
        A state dictionary of an ImgAud2Vid, or torchvision's of ResNet-18.

    Raises
    ------
    ValueError
        Names each entry that is missing, unknown or of another shape.

    Example
    -------
    >>> path = str(getfixture("tmpdir").join("kinetics.ckpt"))
    >>> torch.save(ImgAud2Vid(400, width=4).state_dict(), path)
    >>> start_student(ImgAud2Vid(200, width=4), path)
    """
    state = read_state(path)
    if "fc.weight" in state:
        load_imagenet(model, path)
    else:
        load_weights(model, state, path, replace=("classifier.",))


def load_student(path):
    """Build the student that a weight file holds.

    Arguments
    ---------
    path : str
        A state dictionary of an ImgAud2Vid, or torchvision's of ResNet-18,
        from which it begins untrained (`load_imagenet`).

    Returns
    -------
    model : ImgAud2Vid
        In evaluation mode.

    Raises
    ------
    ValueError
        If it is neither.

    Example
    -------
    >>> path = str(getfixture("tmpdir").join("model.ckpt"))
    >>> torch.save(ImgAud2Vid(7).state_dict(), path)
    >>> load_student(path).num_classes
    7
    """
    state = read_state(path)
    if "fc.weight" in state:
        model = ImgAud2Vid(len(state["fc.weight"]))
        load_imagenet(model, path)
    elif "classifier.weight" in state:
        width = len(state.get("image_net.conv1.weight", range(64)))
        # Its spectrogram has windows of a fiftieth of a second.
        window = state.get("log_mel.mel.spectrogram.window", range(320))
        model = ImgAud2Vid(
            len(state["classifier.weight"]), 50 * len(window), width
        )
        load_weights(model, state, path)
    else:
        raise ValueError(
            f"{path} holds weights neither of an ImgAud2Vid (no "
            "classifier.weight) nor of torchvision's ResNet-18 (no fc.weight)"
        )
    return model.eval()
