"""AST, the Audio Spectrogram Transformer (https://arxiv.org/abs/2104.01778),
as transformers has it, which is needed for this module only.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.backbones import PretrainedBackbone
from speechbrain_pib.utils.weights import load_backbone, rename

# Of files of all versions of transformers, with a classifier or without.
NAMES = (
    (r"^audio_spectrogram_transformer\.", ""),
    (r"^encoder\.layer\.", "layers."),
    (r"\.attention\.attention\.(query|key|value)\.", r".attention.\1."),
    (r"\.attention\.query\.", ".attention.q_proj."),
    (r"\.attention\.key\.", ".attention.k_proj."),
    (r"\.attention\.value\.", ".attention.v_proj."),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
    (r"^classifier\.layernorm\.", "head.norm."),
    (r"^classifier\.dense\.", "head."),
)


class NormedLinear(torch.nn.Linear):
    """A linear layer of normalised features.

    Arguments
    ---------
    input_size : int
        Number of features.
    output_size : int
        Number of classes.
    eps : float
        Of the normalisation.

    Example
    -------
    >>> NormedLinear(8, 5)(torch.randn(2, 8)).shape
    torch.Size([2, 5])
    """

    def __init__(self, input_size, output_size, eps=1e-12):
        super().__init__(input_size, output_size)
        self.norm = torch.nn.LayerNorm(input_size, eps=eps)

    def forward(self, x):
        """Classify features [..., input_size]."""
        return super().forward(self.norm(x))


class AST(PretrainedBackbone):
    """AST as a backbone, a cell for each patch of 16 frames and 16 bands,
    which overlap.

    The patches are shifted so that their mean is what the original classifies,
    the mean of its class token and its distillation token; so the classifier
    of a fine-tuned checkpoint becomes the head, which gives the same logits.

    Fewer frames than it was trained on have the first position embeddings;
    for more these are interpolated in time. Expects ``PretrainedFbank("ast")``.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    dropout : float
        Dropout before the classifier.
    **config : dict
        What differs from MIT/ast-finetuned-audioset-10-10-0.4593, as in
        transformers.ASTConfig.

    Raises
    ------
    ImportError
        If transformers is not installed; says how to install it.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("transformers")
    >>> backbone = AST(10, num_hidden_layers=1, hidden_size=24)
    >>> backbone.forward_features(torch.randn(2, 100, 128)).shape
    torch.Size([2, 9, 12, 24])
    """

    def __init__(self, num_classes, *, dropout=0.0, **config):
        super().__init__()
        transformers = _transformers()
        config = transformers.ASTConfig(**config)
        self.output_size = config.hidden_size
        self.fewest_frames = config.patch_size
        self.stride = config.time_stride
        network = transformers.ASTModel(config)
        self.original_shape = network.embeddings.get_shape(config)
        self.embeddings = network.embeddings
        self.layers, self.layernorm = network.layers, network.layernorm
        self.dropout = torch.nn.Dropout(dropout)
        self.head = NormedLinear(
            self.output_size, num_classes, config.layer_norm_eps
        )

    @classmethod
    def from_pretrained(cls, source, num_classes=None):
        """Build the network of a folder, or of the Hugging Face Hub.

        Arguments
        ---------
        source : str
            A folder with config.json and model.safetensors, or the name of
            one on the Hub, as "MIT/ast-finetuned-audioset-10-10-0.4593".
        num_classes : int
            Number of classes (default: those it was trained on).

        Returns
        -------
        backbone : AST

        Raises
        ------
        ValueError
            Names each entry of the weights that does not match.

        Example
        -------
        >>> name = "MIT/ast-finetuned-audioset-10-10-0.4593"
        >>> backbone = AST.from_pretrained(name)  # doctest: +SKIP
        """
        transformers = _transformers()
        config = transformers.ASTConfig.from_pretrained(source)
        backbone = cls(num_classes or config.num_labels, **config.to_dict())
        weights = transformers.utils.cached_file(source, "model.safetensors")
        load_backbone(backbone, weights)
        return backbone

    def forward_features(self, log_mel):
        """Compute the grid [batch, frames / 10, n_mels / 10, output_size]."""
        embeddings = self.embeddings
        patches = embeddings.patch_embeddings.projection(
            log_mel.transpose(1, 2).unsqueeze(1)
        )  # [batch, features, frequency, time]
        whole, positions = self._position_embeddings(patches.shape[3])
        classes = torch.cat(
            [embeddings.cls_token, embeddings.distillation_token], dim=1
        )
        classes = (classes + whole).expand(patches.shape[0], -1, -1)
        tokens = (patches + positions).flatten(2).transpose(1, 2)
        tokens = torch.cat([classes, tokens], dim=1)
        for layer in self.layers:
            tokens = layer(tokens)
        tokens = self.layernorm(tokens)
        classes = tokens[:, :2].mean(dim=1, keepdim=True)
        tokens = tokens[:, 2:]
        tokens = tokens - tokens.mean(dim=1, keepdim=True) + classes
        return tokens.unflatten(1, patches.shape[2:]).transpose(1, 2)

    def _position_embeddings(self, time):
        """Those of both tokens [1, 2, features], and of as many patches
        [1, features, frequency, time]."""
        embeddings = self.embeddings.position_embeddings
        positions = embeddings[:, 2:].transpose(1, 2)
        positions = positions.unflatten(2, self.original_shape)
        if time > positions.shape[3]:
            positions = torch.nn.functional.interpolate(
                positions, (positions.shape[2], time), mode="bilinear"
            )
        return embeddings[:, :2], positions[..., :time]

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        size = self.fewest_frames
        steps = torch.arange(
            (n_frames - size) // self.stride + 1,
            device=self.head.weight.device,
        )
        return self.stride * steps + (size - 1) / 2

    @staticmethod
    def convert_weights(state):
        """Rename the weights of transformers."""
        return rename(state, NAMES)


def _transformers():
    """The package, or an error that says how to install it."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            "AST is that of transformers, which is not installed; run: "
            'pip install "speechbrain-pib[transformers]"'
        ) from error
    return transformers
