"""A small convolutional backbone for data sets too small for MViTv2.

Not SpeechBrain's Cnn14: it has 75 M parameters and batch norm, which makes a
clip depend on its batch.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.backbones import Backbone


def convolution(input_size, output_size, kernel_size, stride=1):
    """Build convolution, group norm and ReLU, centred on the stride.

    Arguments
    ---------
    input_size : int
        Channels of the input.
    output_size : int
        Channels of the output, a multiple of 8.
    kernel_size : int
        Size of the kernel in time and frequency.
    stride : int
        Stride in time and frequency.

    Returns
    -------
    layers : torch.nn.Sequential
        The three layers.

    Example
    -------
    >>> convolution(1, 16, 4, stride=2)(torch.randn(2, 1, 40, 16)).shape
    torch.Size([2, 16, 20, 8])
    """
    return torch.nn.Sequential(
        torch.nn.Conv2d(
            input_size,
            output_size,
            kernel_size,
            stride=stride,
            padding=(kernel_size - stride + 1) // 2,
            bias=False,
        ),
        torch.nn.GroupNorm(8, output_size),
        torch.nn.ReLU(inplace=True),
    )


class ConvNet(Backbone):
    """A convolutional backbone that returns a feature grid and logits.

    A convolution with stride 2 is followed by 3x3 convolutions with 2x2
    average pooling between them. No step depends on the other clips of the
    batch.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    channels : sequence of int
        Channels of each convolution, multiples of 8. The stride of the grid
        in frames is 2 ** (len(channels) - 1).
    dropout : float
        Dropout before the classifier.

    Example
    -------
    >>> model = ConvNet(10)
    >>> grid, logits = model(torch.randn(2, 400, 128))
    >>> grid.shape, logits.shape
    (torch.Size([2, 25, 8, 256]), torch.Size([2, 10]))
    >>> model.token_positions(400)[:3]
    tensor([ 7.5000, 23.5000, 39.5000])
    """

    fewest_frames = 2

    def __init__(
        self, num_classes, *, channels=(16, 32, 64, 128, 256), dropout=0.2
    ):
        super().__init__()
        self.output_size = channels[-1]
        self.time_stride = 2 ** (len(channels) - 1)
        layers = [convolution(1, channels[0], 4, stride=2)]
        for input_size, output_size in zip(channels, channels[1:]):
            layers.append(convolution(input_size, output_size, 3))
            # ceil_mode keeps the last frames of an odd length.
            layers.append(torch.nn.AvgPool2d(2, ceil_mode=True))
        self.features = torch.nn.Sequential(*layers[:-1])
        self.norm = torch.nn.LayerNorm(self.output_size)
        self.dropout = torch.nn.Dropout(dropout)
        self.head = torch.nn.Linear(self.output_size, num_classes)
        self.to(memory_format=torch.channels_last)

    def forward_features(self, log_mel):
        """Compute the feature grid.

        Arguments
        ---------
        log_mel : torch.Tensor
            Natural log of the mel magnitudes [batch, frames, bands], at
            least two frames and two bands.

        Returns
        -------
        grid : torch.Tensor
            Normalised features [batch, time, frequency, output_size].
        """
        # From silence, ln(1e-6) = -13.8, to loud, about 4, to -2 .. 2.5.
        x = ((log_mel + 6.0) / 4.0).unsqueeze(1)
        x = x.contiguous(memory_format=torch.channels_last)
        return self.norm(self.features(x).permute(0, 2, 3, 1))

    def token_positions(self, num_frames):
        """Compute the frame at the centre of each time step of the grid.

        Arguments
        ---------
        num_frames : int
            Number of input frames.

        Returns
        -------
        positions : torch.Tensor
            Centre of each row in frames, 0 being the centre of the first
            frame [time].
        """
        # The stem takes frames in pairs; an odd last one joins the last pair.
        firsts = torch.arange(
            0,
            num_frames // 2 * 2,
            self.time_stride,
            device=self.head.weight.device,
        )
        lasts = (firsts + self.time_stride - 1).clamp(max=num_frames - 1)
        return (firsts + lasts) / 2
