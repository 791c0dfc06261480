"""The teacher of IMGAUD2VID: R(2+1)D-18 (https://arxiv.org/abs/1711.11248) of
torchvision, which is needed for this module only.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.imgaud2vid import ImgAud2VidOutput
from speechbrain_pib.utils.weight_files import read_state
from speechbrain_pib.utils.weights import load_weights

# Of Kinetics-400, in RGB.
CLIP_MEAN = (0.43216, 0.394666, 0.37645)
CLIP_STD = (0.22803, 0.22145, 0.216989)


class ClipTeacher(torch.nn.Module):
    """Frozen R(2+1)D-18 over clips of 16 frames of 112 x 112 in a second.

    Arguments
    ---------
    weights : str
        A weight file of torchvision's r2plus1d_18 for any number of classes,
        such as r2plus1d_18-91a641e6.pth (default: random weights).
    num_classes : int
        Number of classes of random weights.

    Raises
    ------
    ImportError
        If torchvision is not installed; says how to install it.
    ValueError
        If the weights do not match.

    Example
    -------
    >>> import pytest
    >>> _ = pytest.importorskip("torchvision")
    >>> clips = torch.zeros(1, 4, 3, 32, 32, dtype=torch.uint8)
    >>> output = ClipTeacher()(clips)
    >>> output.features.shape, output.logits.shape
    (torch.Size([1, 512]), torch.Size([1, 400]))
    """

    def __init__(self, weights=None, num_classes=400):
        super().__init__()
        try:
            from torchvision.models.video import r2plus1d_18
        except ImportError as error:
            raise ImportError(
                "the teacher of clips is torchvision's: pip install torchvision"
            ) from error
        if weights is not None:
            state = read_state(weights)
            if "fc.weight" not in state:
                raise ValueError(f"{weights} has no entry fc.weight")
            num_classes = len(state["fc.weight"])
        self.network = r2plus1d_18(num_classes=num_classes)
        if weights is not None:
            load_weights(self.network, state, weights)
        self.classifier = self.network.fc
        self.network.fc = torch.nn.Identity()
        for name, values in (("mean", CLIP_MEAN), ("std", CLIP_STD)):
            values = torch.tensor(values).view(3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode=True):
        """Stay in evaluation mode.

        Arguments
        ---------
        mode : bool
            Has no effect.

        Returns
        -------
        self : ClipTeacher
        """
        return super().train(False)

    @torch.no_grad()
    def forward(self, clips):
        """Compute the features and logits that the student has to match.

        Arguments
        ---------
        clips : torch.Tensor
            RGB [batch, frames, 3, height, width], uint8, or floats from 0 to
            1.

        Returns
        -------
        output : ImgAud2VidOutput
            Pooled features [batch, 512] and class scores.
        """
        if clips.dtype == torch.uint8:
            clips = clips / 255
        clips = ((clips - self.mean) / self.std).transpose(1, 2)
        features = self.network(clips)
        return ImgAud2VidOutput(features, self.classifier(features))
