"""ECAPA-TDNN (https://arxiv.org/abs/2005.07143), as SpeechBrain has it.

Authors
 * The speechbrain_pib developers 2026
"""

import torch
from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

from speechbrain_pib.lobes.models.backbones import PretrainedBackbone

# What follows the frames: the pooling, and the embedding of a speaker.
LEFT_OUT = ("asp.", "asp_bn.", "fc.")


class ECAPA(PretrainedBackbone):
    """SpeechBrain's ECAPA-TDNN as a backbone, a grid of a step for each frame
    and no frequency: [batch, time, 1, features].

    Expects ``PretrainedFbank("ecapa")``.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    n_mels : int
        Bands of the front end.
    channels : list of int
        Of each layer; the last are the features (default: those of
        speechbrain/spkrec-ecapa-voxceleb).
    dropout : float
        Dropout before the classifier.

    Example
    -------
    >>> backbone = ECAPA(10, channels=[16, 16, 16, 16, 48])
    >>> backbone.forward_features(torch.randn(2, 100, 80)).shape
    torch.Size([2, 100, 1, 48])
    """

    fewest_frames = 5  # its padding mirrors four

    def __init__(
        self,
        num_classes,
        *,
        n_mels=80,
        channels=(1024, 1024, 1024, 1024, 3072),
        dropout=0.0,
    ):
        super().__init__()
        self.output_size = channels[-1]
        network = ECAPA_TDNN(n_mels, channels=list(channels))
        self.blocks, self.mfa = network.blocks, network.mfa
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)

    def forward_features(self, log_mel):
        """Compute the grid [batch, frames, 1, output_size]."""
        x, outputs = log_mel.transpose(1, 2), []
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        x = self.mfa(torch.cat(outputs[1:], dim=1))
        return x.transpose(1, 2).unsqueeze(2)

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        return torch.arange(n_frames, device=self.head.weight.device).float()

    @staticmethod
    def convert_weights(state):
        """Leave out what follows the frames."""
        return {k: v for k, v in state.items() if not k.startswith(LEFT_OUT)}
