"""ResNet-18 (https://arxiv.org/abs/1512.03385), for images and for sound.

Parameters have torchvision's names and the same values give the same output,
so that its ImageNet weights load without torchvision.

Authors
 * The speechbrain_pib developers 2026
"""

import math

import torch
from torch.nn.functional import relu

LAYERS = 4


def convolution(input_size, output_size, kernel_size, stride=1):
    """Build a convolution that keeps the grid but for its stride.

    Arguments
    ---------
    input_size : int
        Channels of the input.
    output_size : int
        Channels of the output.
    kernel_size : int
        Odd size of the kernel in both directions.
    stride : int
        Stride in both directions.

    Returns
    -------
    convolution : torch.nn.Conv2d
        Without bias.

    Example
    -------
    >>> convolution(3, 64, 7, 2)(torch.randn(1, 3, 32, 32)).shape
    torch.Size([1, 64, 16, 16])
    """
    return torch.nn.Conv2d(
        input_size,
        output_size,
        kernel_size,
        stride=stride,
        padding=kernel_size // 2,
        bias=False,
    )


class BasicBlock(torch.nn.Module):
    """Residual block of two 3x3 convolutions.

    Arguments
    ---------
    input_size : int
        Channels of the input.
    output_size : int
        Channels of the output.
    stride : int
        Stride in both directions.

    Example
    -------
    >>> BasicBlock(64, 128, 2)(torch.randn(1, 64, 8, 8)).shape
    torch.Size([1, 128, 4, 4])
    """

    def __init__(self, input_size, output_size, stride):
        super().__init__()
        self.conv1 = convolution(input_size, output_size, 3, stride)
        self.bn1 = torch.nn.BatchNorm2d(output_size)
        self.conv2 = convolution(output_size, output_size, 3)
        self.bn2 = torch.nn.BatchNorm2d(output_size)
        self.downsample = None
        if stride != 1 or input_size != output_size:
            self.downsample = torch.nn.Sequential(
                convolution(input_size, output_size, 1, stride),
                torch.nn.BatchNorm2d(output_size),
            )

    def forward(self, x):
        """Apply the block.

        Arguments
        ---------
        x : torch.Tensor
            [batch, input_size, height, width]

        Returns
        -------
        x : torch.Tensor
            [batch, output_size, height / stride, width / stride]
        """
        shortcut = x if self.downsample is None else self.downsample(x)
        x = relu(self.bn1(self.conv1(x)))
        return relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet18(torch.nn.Module):
    """ResNet-18, from images to features.

    Arguments
    ---------
    num_classes : int
        Classes of the head `fc` (default: none, forward returns features).
    input_channels : int
        Channels of a picture.
    stride : int
        Stride of the first convolution.
    width : int
        Channels of the first layer; the last one has 8 times as many. 64 is
        ResNet-18.

    Example
    -------
    >>> ResNet18()(torch.randn(2, 3, 64, 64)).shape
    torch.Size([2, 512])
    >>> ResNet18(num_classes=1000)(torch.randn(2, 3, 64, 64)).shape
    torch.Size([2, 1000])
    """

    def __init__(
        self, num_classes=None, *, input_channels=3, stride=2, width=64
    ):
        super().__init__()
        self.conv1 = convolution(input_channels, width, 7, stride)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.maxpool = torch.nn.MaxPool2d(3, stride=2, padding=1)
        self.output_size = width
        for number in range(1, LAYERS + 1):
            size = width * 2 ** (number - 1)
            layer = torch.nn.Sequential(
                BasicBlock(self.output_size, size, 1 if number == 1 else 2),
                BasicBlock(size, size, 1),
            )
            setattr(self, f"layer{number}", layer)
            self.output_size = size
        self.fc = torch.nn.Identity()
        if num_classes is not None:
            self.fc = torch.nn.Linear(self.output_size, num_classes)
        for module in self.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu"
                )

    def forward(self, images):
        """Compute features, or logits where there is a head.

        Arguments
        ---------
        images : torch.Tensor
            [batch, input_channels, height, width]

        Returns
        -------
        features : torch.Tensor
            [batch, 8 * width] or [batch, num_classes]
        """
        return self.fc(self.forward_features(images).mean(dim=(2, 3)))

    def forward_features(self, images):
        """Compute the last feature grid.

        Arguments
        ---------
        images : torch.Tensor
            [batch, input_channels, height, width]

        Returns
        -------
        grid : torch.Tensor
            [batch, 8 * width, height / (16 * stride), width / (16 * stride)],
            rounded up.
        """
        x = self.maxpool(relu(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class AudioNet(ResNet18):
    """ResNet-18 over the log-mel spectrogram of a second of sound.

    As published with Listen to Look (https://arxiv.org/abs/1912.04487): one
    channel, stride 1 in the first convolution, a weighted sum over the rows
    of frequency, and the maximum over time. The weights of the sum are equal
    at first, and the input is scaled to the range of images.

    Arguments
    ---------
    n_mels : int
        Number of mel bands.
    width : int
        As for ResNet18.

    Example
    -------
    >>> AudioNet()(torch.randn(2, 101, 40)).shape
    torch.Size([2, 512])
    """

    def __init__(self, n_mels=40, width=64):
        super().__init__(input_channels=1, stride=1, width=width)
        rows = math.ceil(n_mels / 16)
        self.frequency_pool = torch.nn.Linear(rows, 1)
        torch.nn.init.constant_(self.frequency_pool.weight, 1 / rows)
        torch.nn.init.zeros_(self.frequency_pool.bias)

    def forward(self, log_mel):
        """Compute features.

        Arguments
        ---------
        log_mel : torch.Tensor
            Natural log of mel powers [batch, frames, n_mels].

        Returns
        -------
        features : torch.Tensor
            [batch, 8 * width]
        """
        # From silence, ln(1e-6) = -13.8, to loud, about 4, to -1.8 .. 1.8.
        grid = self.forward_features((log_mel.unsqueeze(1) + 5.0) / 5.0)
        return self.frequency_pool(grid).squeeze(-1).amax(dim=-1)
