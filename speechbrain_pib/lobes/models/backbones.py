"""What a network has to offer to be a backbone: the contract, in one place.

Every backbone is put through `tests/unittests/lobes/models/test_backbones.py`.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class Backbone(torch.nn.Module):
    """A network from log-mel frames to a grid of features, and to logits.

    A subclass defines ``forward_features`` and ``token_positions``, and sets
    ``output_size``, the features of a cell of the grid, and at last, for the
    learning rate decays down the parts in their order, ``dropout`` and
    ``head``, the layer that classifies pooled features. It keeps to this:

    * It takes any number of frames from ``fewest_frames`` on, on any device,
      in float32 and under autocast to bfloat16; it compiles, and exports, as
      one graph.
    * A clip does not depend on the others in its batch, in training neither.
      So there are no statistics of the batch: batch norms of pretrained
      networks are folded into their convolutions, or frozen
      (``PretrainedBackbone``).
    * A pretrained one expects the frames of the ``PretrainedFbank`` of its
      name, others those of ``MultiHopFbank``.
    * ``convert_weights`` renames the weights of its original, if it has one.

    Example
    -------
    >>> class Bands(Backbone):
    ...     def __init__(self, n_mels, num_classes):
    ...         super().__init__()
    ...         self.output_size = n_mels
    ...         self.dropout = torch.nn.Dropout(0.1)
    ...         self.head = torch.nn.Linear(n_mels, num_classes)
    ...
    ...     def forward_features(self, log_mel):
    ...         return log_mel.unsqueeze(2)  # a cell for each frame
    ...
    ...     def token_positions(self, n_frames):
    ...         return torch.arange(n_frames, device=self.head.weight.device)
    >>> grid, logits = Bands(128, 10)(torch.randn(2, 400, 128))
    >>> grid.shape, logits.shape
    (torch.Size([2, 400, 1, 128]), torch.Size([2, 10]))
    """

    fewest_frames = 1

    def forward_features(self, log_mel):
        """Compute the feature grid.

        Arguments
        ---------
        log_mel : torch.Tensor
            Log-mel frames [batch, frames, n_mels].

        Returns
        -------
        grid : torch.Tensor
            Features [batch, time, frequency, output_size].
        """
        raise NotImplementedError

    def token_positions(self, n_frames):
        """Compute the frame at the centre of each time step of the grid.

        Arguments
        ---------
        n_frames : int
            Frames of the input.

        Returns
        -------
        positions : torch.Tensor
            Frame index at the centre of what each time step answers to, 0
            being the centre of the first frame [time].
        """
        raise NotImplementedError

    def forward_head(self, pooled):
        """Classify pooled features.

        Arguments
        ---------
        pooled : torch.Tensor
            A (weighted) mean of the grid's features [..., output_size].

        Returns
        -------
        logits : torch.Tensor
            Class scores before softmax or sigmoid [..., num_classes].
        """
        return self.head(self.dropout(pooled))

    def forward(self, log_mel):
        """Compute the feature grid and the logits of its mean.

        Arguments
        ---------
        log_mel : torch.Tensor
            Log-mel frames [batch, frames, n_mels].

        Returns
        -------
        grid : torch.Tensor
            Features [batch, time, frequency, output_size].
        logits : torch.Tensor
            Class scores before softmax or sigmoid [batch, num_classes].
        """
        grid = self.forward_features(log_mel)
        return grid, self.forward_head(grid.mean(dim=(1, 2)))

    @staticmethod
    def convert_weights(state):
        """Rename the weights of the original network to ours.

        Arguments
        ---------
        state : dict
            Name to tensor, of the original or of this class.

        Returns
        -------
        state : dict
            In the names of this class; what is not known keeps its name.
        """
        return state


class PretrainedBackbone(Backbone):
    """A network of others as a backbone.

    All of it but dropout and head stays in evaluation mode in training, too:
    its batch norms normalise by what was pretrained, and it draws no dropout.
    Its parameters learn nevertheless, unless they are frozen.

    Example
    -------
    >>> backbone = PretrainedBackbone()
    >>> backbone.network = torch.nn.BatchNorm1d(4)
    >>> backbone.train().network.training
    False
    """

    def train(self, mode=True):
        """Set the mode of dropout and head; the network keeps its own.

        Arguments
        ---------
        mode : bool
            True for training, False for evaluation.

        Returns
        -------
        self : PretrainedBackbone
        """
        super().train(mode)
        for name, part in self.named_children():
            if name not in ("dropout", "head"):
                part.eval()
        return self
