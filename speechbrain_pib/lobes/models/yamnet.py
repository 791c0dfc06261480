"""YAMNet: MobileNetV1 over log-mel frames, trained on AudioSet by Google
(https://github.com/tensorflow/models/tree/master/research/audioset/yamnet).

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.backbones import Backbone

# Of each layer after the first: channels, and stride.
LAYERS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)


class SameConv2d(torch.nn.Conv2d):
    """A 3 x 3 convolution and ReLU, padded as TensorFlow pads "SAME".

    With stride 2 an even size is padded at its end alone.

    Arguments
    ---------
    input_size : int
        Channels of the input.
    output_size : int
        Channels of the output.
    stride : int
        Stride in time and frequency.
    groups : int
        Groups of channels.

    Example
    -------
    >>> SameConv2d(1, 8, stride=2)(torch.randn(2, 1, 97, 64)).shape
    torch.Size([2, 8, 49, 32])
    """

    def __init__(self, input_size, output_size, stride=1, groups=1):
        super().__init__(
            input_size, output_size, 3, stride=stride, groups=groups
        )

    def forward(self, x):
        """Convolve [batch, channels, time, frequency]."""
        time, bands = (
            int(self.stride[0] == 1 or size % 2) for size in x.shape[2:]
        )
        x = torch.nn.functional.pad(x, (bands, 1, time, 1))
        return super().forward(x).relu_()


class YAMNet(Backbone):
    """YAMNet with its batch norms folded into its convolutions.

    The original hears patches of 96 frames; here it runs over frames of any
    number, and its features are not averaged in the network. Expects
    ``PretrainedFbank("yamnet")``.

    Arguments
    ---------
    num_classes : int
        Number of classes; those of AudioSet that it was trained on are 521.
    depth : int
        Number of layers, of 2 to 14: of fewer the first ones, which are
        cheaper, for a head of their own.
    dropout : float
        Dropout before the classifier.

    Example
    -------
    >>> grid, logits = YAMNet(521)(torch.randn(2, 96, 64))
    >>> grid.shape, logits.shape
    (torch.Size([2, 3, 2, 1024]), torch.Size([2, 521]))
    """

    def __init__(self, num_classes=521, *, depth=14, dropout=0.0):
        super().__init__()
        if not 2 <= depth <= len(LAYERS) + 1:
            raise ValueError(
                f"YAMNet has 2 to {len(LAYERS) + 1} layers, not {depth}"
            )
        layers = LAYERS[: depth - 1]
        self.output_size = layers[-1][0]
        self.halvings = 1 + sum(stride == 2 for _, stride in layers)
        first = torch.nn.Sequential()
        first.add_module("conv", SameConv2d(1, 32, stride=2))
        self.layers = torch.nn.Sequential(first)
        input_size = 32
        for output_size, stride in layers:
            layer = torch.nn.Sequential()
            layer.add_module(
                "depthwise",
                SameConv2d(input_size, input_size, stride, groups=input_size),
            )
            layer.add_module(
                "pointwise", torch.nn.Conv2d(input_size, output_size, 1)
            )
            layer.add_module("relu", torch.nn.ReLU(inplace=True))
            self.layers.append(layer)
            input_size = output_size
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)
        self.to(memory_format=torch.channels_last)

    def forward_features(self, log_mel):
        """Compute the grid [batch, time, frequency, output_size] of log-mel
        frames [batch, frames, 64]."""
        x = log_mel.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return self.layers(x).permute(0, 2, 3, 1)

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step [time]."""
        stride, first = 1, 0
        for _ in range(self.halvings):
            first += stride * (n_frames % 2 == 0)
            stride, n_frames = 2 * stride, (n_frames + 1) // 2
        steps = torch.arange(n_frames, device=self.head.weight.device)
        return first + stride * steps.float()

    def convert_weights(self, state):
        """Rename "layer1.conv.weight" and so on, and fold the batch norms of
        the Keras release, as `convert_yamnet` does; leave out the layers that
        come after the last."""
        from speechbrain_pib.utils.yamnet_weights import convert_yamnet

        later = tuple(
            f"layers.{index}."
            for index in range(len(self.layers), len(LAYERS) + 1)
        )
        return {
            name: value
            for name, value in convert_yamnet(state).items()
            if not name.startswith(later)
        }
