"""BEATs (https://arxiv.org/abs/2212.09058), as SpeechBrain has it.

Authors
 * The speechbrain_pib developers 2026
"""

import re

import torch
from speechbrain.lobes.models.beats import BEATsConfig, TransformerEncoder

from speechbrain_pib.lobes.models.backbones import PretrainedBackbone

# Of all released checkpoints, where they are not as BEATsConfig.
RELEASED = {
    "deep_norm": True,
    "relative_position_embedding": True,
    "max_distance": 800,
    "gru_rel_pos": True,
}


class BEATs(PretrainedBackbone):
    """SpeechBrain's BEATs as a backbone, a cell for each patch of 16 frames
    and 16 bands.

    The classifier of a fine-tuned checkpoint becomes the head, which gives
    the same logits. Expects ``PretrainedFbank("beats")``.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    dropout : float
        Dropout before the classifier.
    **config : dict
        What differs from the released checkpoints, as in BEATsConfig.

    Example
    -------
    >>> backbone = BEATs(
    ...     10,
    ...     encoder_layers=1,
    ...     encoder_embed_dim=48,
    ...     encoder_ffn_embed_dim=96,
    ... )
    >>> backbone.forward_features(torch.randn(2, 100, 128)).shape
    torch.Size([2, 6, 8, 48])
    """

    fewest_frames = 16

    def __init__(self, num_classes, *, dropout=0.0, **config):
        super().__init__()
        config = BEATsConfig({**RELEASED, **config})
        self.output_size = config.encoder_embed_dim
        self.patch_embedding = torch.nn.Conv2d(
            1, config.embed_dim, 16, stride=16, bias=config.conv_bias
        )
        self.layer_norm = torch.nn.LayerNorm(config.embed_dim)
        self.post_extract_proj = torch.nn.Linear(
            config.embed_dim, self.output_size
        )
        self.encoder = TransformerEncoder(config)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)

    def forward_features(self, log_mel):
        """Compute the grid [batch, frames / 16, n_mels / 16, output_size]."""
        patches = self.patch_embedding(log_mel.unsqueeze(1))
        tokens = self.layer_norm(patches.flatten(2).transpose(1, 2))
        tokens = self.encoder(self.post_extract_proj(tokens))[0]
        return tokens.unflatten(1, patches.shape[2:])

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        device = self.head.weight.device
        return 16.0 * torch.arange(n_frames // 16, device=device) + 7.5

    @staticmethod
    def convert_weights(state):
        """Rename the classifier of a fine-tuned checkpoint."""
        return {re.sub("^predictor", "head", k): v for k, v in state.items()}
