"""Convolutional networks of timm, for pictures, as backbones.

timm is needed for this module only.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import torch

from speechbrain_pib.lobes.models.backbones import PretrainedBackbone

STRIDE = 32
# A cell has its centre in the middle of 32 frames, or at the first of them,
# by how a family pads before it takes every second of its values.
PATCHES = r"(test_)?convnext\w*"
PADDED = (
    r"resnet\d+|resnext\d+_\d+x\d+d|wide_resnet\d+_\d|regnet[xy]_\d+"
    r"|(test_)?efficientnet\w*"
)


class TimmNetwork(PretrainedBackbone):
    """A network of timm as a backbone: its last feature map is the grid, of a
    cell for 32 frames and 32 bands.

    The spectrogram is a picture of one channel, time its height. Pretrained
    weights, as ``load_backbone`` reads them from a file of timm or of
    "hf://timm/resnet18.a1_in1k/model.safetensors", have their kernels of
    colours summed, so that a grey picture gives the original's logits.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    name : str
        A ResNet, ResNeXt, RegNet, EfficientNet or ConvNeXt, as timm names it.
    dropout : float
        Dropout before the classifier.
    **options : dict
        Others of timm.create_model.

    Raises
    ------
    ImportError
        If timm is not installed; says how to install it.
    ValueError
        If it is not known where the cells of the network listen.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("timm")
    >>> backbone = TimmNetwork(10, "test_convnext")
    >>> backbone.forward_features(torch.randn(2, 100, 64)).shape
    torch.Size([2, 3, 2, 64])
    """

    fewest_frames = STRIDE

    def __init__(self, num_classes, name, *, dropout=0.0, **options):
        super().__init__()
        architecture = name.split(".")[0]
        self.padded = re.fullmatch(PADDED, architecture) is not None
        if not self.padded and not re.fullmatch(PATCHES, architecture):
            raise ValueError(
                f"where the cells of {name!r} listen is not known; take a "
                "ResNet, ResNeXt, RegNet, EfficientNet or ConvNeXt of timm"
            )
        self.network = _timm().create_model(
            name, in_chans=1, num_classes=0, **options
        )
        self.output_size = self.network.num_features
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)

    def forward_features(self, log_mel):
        """Compute the grid [batch, frames / 32, n_mels / 32, output_size]."""
        grid = self.network.forward_features(log_mel.unsqueeze(1))
        return grid.permute(0, 2, 3, 1)

    def forward_head(self, pooled):
        """Classify pooled features, normalised as the network has it."""
        cells = pooled.reshape(-1, self.output_size, 1, 1)
        features = self.network.forward_head(cells, pre_logits=True)
        return super().forward_head(features.view(pooled.shape))

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        device = self.head.weight.device
        if self.padded:
            cells = (n_frames + STRIDE - 1) // STRIDE
            return STRIDE * torch.arange(cells, device=device).float()
        cells = torch.arange(n_frames // STRIDE, device=device)
        return STRIDE * cells + (STRIDE - 1) / 2

    @staticmethod
    def convert_weights(state):
        """Rename the weights of timm, and sum their kernels of colours."""
        converted = {}
        for name, value in state.items():
            classifier = re.fullmatch(
                r"(?:fc|classifier|head\.fc)\.(weight|bias)", name
            )
            if classifier:
                name = f"head.{classifier[1]}"
            elif not name.startswith(("network.", "head.weight", "head.bias")):
                name = f"network.{name}"
            if value.ndim == 4 and value.shape[1] == 3:
                value = value.sum(dim=1, keepdim=True)
            converted[name] = value
        return converted


def _timm():
    """The package, or an error that says how to install it."""
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            "this network is one of timm, which is not installed; run: "
            'pip install "speechbrain-pib[timm]"'
        ) from error
    return timm
