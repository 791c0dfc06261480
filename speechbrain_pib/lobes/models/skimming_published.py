"""IMGAUD-SKIMMING as the published code computes it, for its weights
(https://github.com/facebookresearch/Listen-to-Look).

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.models.skimming import Skimmer
from speechbrain_pib.nnet.normalization import MaskedBatchNorm


def resize_preview(features, valid, factor):
    """Interpolate as the published code does.

    It shifts the features by (factor - 1) / 2 steps, and mixes padding into
    the last steps of a video. Arguments and result are those of
    `interpolate_preview`.

    Example
    -------
    >>> ramp = torch.arange(6.0).view(1, 6, 1)
    >>> resize_preview(ramp, torch.ones(1, 6, dtype=torch.bool), 2).flatten()
    tensor([0.0000, 0.5000, 1.5000, 2.5000, 3.5000, 4.0000])
    """
    resized = torch.nn.functional.interpolate(
        features[:, ::factor].transpose(1, 2),
        size=features.shape[1],
        mode="linear",
    )
    return resized.transpose(1, 2) * valid.unsqueeze(-1)


class _PaddedBatchNorm(MaskedBatchNorm):
    """Takes padding for data."""

    def forward(self, inputs, valid=None):
        return super().forward(inputs)


class PublishedSkimmer(Skimmer):
    """A Skimmer that says what the published code says.

    Each stream excludes the steps that its own query selected. Hard attention
    looks at the previewed features, of all streams at the step that the first
    one's query selects. A subsampled preview is resized, whatever that does
    to the time, and statistics of the normalisation take padding for data.
    Of a single stream the keys are those of all real features, and what is
    classified is the mean of the mixtures that follow each look.

    Arguments
    ---------
    *args : tuple
        As for `Skimmer`.
    reselect : bool
        Whether a step may be selected more than once.
    mean_start : bool
        Whether the first input is the mean of the preview, or the step that
        forward is given.
    **options : dict
        As for `Skimmer`.

    Example
    -------
    >>> sizes = {"input_size": 16, "hidden_size": 24, "key_size": 12}
    >>> skimmer = PublishedSkimmer(7, ["audio"], **sizes).eval()
    >>> skimmer({"audio": torch.randn(2, 21, 16)}).logits.shape
    torch.Size([2, 7])
    """

    interpolate = staticmethod(resize_preview)

    def __init__(self, *args, reselect=False, mean_start=True, **options):
        super().__init__(*args, **options)
        self.reselect = reselect
        self.mean_start = mean_start
        for module in (*self.keys.values(), *self.queries.values()):
            module.norm = _PaddedBatchNorm(len(module.norm.weight))

    @classmethod
    def like(cls, skimmer):
        """Make one of the weights of a Skimmer; it previews every step.

        Arguments
        ---------
        skimmer : Skimmer
            Such as one with published weights.

        Returns
        -------
        published : PublishedSkimmer
        """
        published = cls(
            skimmer.classifier.out_features,
            skimmer.streams,
            input_size=skimmer.input_size,
            hidden_size=skimmer.cell.hidden_size,
            key_size=skimmer.key_size,
            looks=skimmer.looks,
        )
        published.load_state_dict(skimmer.state_dict())
        return published

    def forward(self, features, lengths=None, *, start=None, attention=None):
        """Skim a batch of videos.

        Arguments
        ---------
        features : dict of torch.Tensor
            Real features of each stream by name, each [batch, T, input_size].
        lengths : torch.Tensor
            Relative lengths in [0, 1] before padding [batch].
        start : torch.Tensor
            Index of the step to start from [batch]. With the mean of the
            preview as start the step only counts as selected; the published
            code draws it at random (default: there is none).
        attention : str
            As in the constructor (default: what was given there).

        Returns
        -------
        output : SkimmingOutput
        """
        bank = self._bank(features, lengths, None)
        return self._skim(bank, self._start(bank, start), attention)

    def _real_bank(self, bank):
        """What keys and mean are computed of: of one stream all features."""
        if len(self.streams) > 1:
            return bank
        return bank._replace(previews=bank.features)

    def _keys(self, bank):
        return super()._keys(self._real_bank(bank))

    def _start(self, bank, start=None):
        seen, looked_at, allowed = super()._start(self._real_bank(bank))
        allowed = allowed.expand(-1, len(self.streams), -1)
        if start is not None:
            start = start.unsqueeze(1).expand(-1, len(self.streams))
            allowed = self._exclude(allowed, start)
        if self.mean_start:
            return seen, looked_at, allowed
        if start is None:
            raise ValueError("mean_start=False needs the start of each video")
        return bank.real(start), start, allowed

    def _select(self, attention, joint):
        return attention.argmax(dim=-1)

    def _exclude(self, allowed, selected):
        return allowed if self.reselect else super()._exclude(allowed, selected)

    def _look(self, bank, selected, joint, attention):
        previewed = bank._replace(features=bank.previews)
        first = selected[:, :1].expand_as(selected)
        return super()._look(previewed, first, joint, attention)

    def _classify(self, looks, bank):
        if len(self.streams) > 1:
            return super()._classify(looks, bank)
        mixed = []
        for look in looks:
            (attention,) = look["attention"].unbind(1)
            (mixture,) = bank.mixture(attention)
            counted = look["counted"] & attention.any(dim=-1)
            mixed.append({**look, "features": mixture, "counted": counted})
        return super()._classify(mixed, bank)
