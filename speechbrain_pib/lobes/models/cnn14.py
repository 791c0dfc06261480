"""Cnn14 of PANNs (https://arxiv.org/abs/1912.10211), as SpeechBrain has it.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import torch
from speechbrain.lobes.models.Cnn14 import Cnn14 as SpeechBrainCnn14

from speechbrain_pib.lobes.models.backbones import PretrainedBackbone

# Of its checkpoints, what the network does not compute with: the front end,
# and two layers after a pooling that is not the mean.
LEFT_OUT = ("spectrogram_extractor.", "logmel_extractor.", "fc1.", "fc_aud")


class Cnn14(PretrainedBackbone):
    """SpeechBrain's Cnn14 as a backbone: its last feature map is the grid.

    Expects ``PretrainedFbank("cnn14")``.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    n_mels : int
        Bands of the front end.
    output_size : int
        Features of a cell of the grid.
    dropout : float
        Dropout before the classifier.

    Example
    -------
    >>> backbone = Cnn14(10, output_size=16)
    >>> backbone.forward_features(torch.randn(2, 100, 64)).shape
    torch.Size([2, 3, 2, 16])
    """

    fewest_frames = 32

    def __init__(
        self, num_classes, *, n_mels=64, output_size=2048, dropout=0.0
    ):
        super().__init__()
        self.output_size = output_size
        self.network = SpeechBrainCnn14(n_mels, output_size, return_reps=True)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(output_size, num_classes)

    def forward_features(self, log_mel):
        """Compute the grid [batch, frames / 32, n_mels / 32, output_size]."""
        return self.network(log_mel)[1][0].permute(0, 2, 3, 1)

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        device = self.head.weight.device
        return 32.0 * torch.arange(n_frames // 32, device=device) + 15.5

    @staticmethod
    def convert_weights(state):
        """Rename the weights of PANNs ("bn0", "conv_block1.bn1") or of
        SpeechBrain ("norm0", "conv_block1.norm1")."""
        return {
            re.sub(r"^(?=conv_block|norm0)", "network.", _norms(name)): value
            for name, value in state.items()
            if not name.startswith(LEFT_OUT)
        }


def _norms(name):
    """A name in which batch norms are called as SpeechBrain does."""
    return re.sub(r"(^|\.)bn(\d\.)", r"\1norm\2", name)
