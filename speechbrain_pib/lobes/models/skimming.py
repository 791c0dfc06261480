"""Skimmer, the network of IMGAUD-SKIMMING: it previews the images and sounds of
a video, and looks again only where it pays (Listen to Look,
https://arxiv.org/abs/1912.04487).

A *step* is a second of the video, a *look* an input of the recurrence that
shows a step of it.

Authors
 * The speechbrain_pib developers 2026
"""

import functools
from typing import NamedTuple

import torch
from torch.nn.utils.parametrizations import weight_norm

from speechbrain_pib.lobes.models.feature_bank import (
    FeatureBank,
    FusionNet,
    Keys,
    Query,
    interpolate_preview,
)
from speechbrain_pib.nnet.confidence import confidence
from speechbrain_pib.nnet.losses import class_probabilities

ATTENTIONS = ("soft", "hard")


class SkimmingOutput(NamedTuple):
    """What a skimming saw. S streams, T steps; E inputs of the recurrence, the
    mean of the preview and the looks.

    A video of which every step was selected is over: later looks do not
    count, and leave its state and its logits as they were.

    Arguments
    ---------
    logits : torch.Tensor
        Of the mean over what was seen [batch, num_classes].
    look_logits : torch.Tensor
        The same after 0, 1, ... looks [batch, E, num_classes]: the curve over
        the number of looks from one run.
    state_logits : torch.Tensor
        Of the recurrent state after 0, 1, ... looks [batch, E, num_classes].
    features : torch.Tensor
        What was seen, fused, whose mean is classified [batch, E, features].
    states : torch.Tensor
        Recurrent state after 0, 1, ... looks [batch, E, hidden_size].
    attention : torch.Tensor
        Of each stream's query to that state [batch, E, S, T]; sums to one
        over the steps, or is 0 where none is left.
    modality_weights : torch.Tensor
        Share of each stream's query in the mixture, and in the selection
        [batch, E, S].
    selected : torch.Tensor
        Step that is selected for each stream to look at next [batch, E, S];
        the last ones are not looked at any more.
    looked_at : torch.Tensor
        Step that each input shows [batch, E, S]: with soft attention where
        most of it was, -1 for the mean of the preview.
    counted : torch.Tensor
        Boolean [batch, E], False for the looks after a video was over.

    Example
    -------
    >>> output = SkimmingOutput(*[torch.zeros(2, 3, 4)] * 10)
    >>> output.last_logits.shape
    torch.Size([2, 4])
    """

    logits: torch.Tensor
    look_logits: torch.Tensor
    state_logits: torch.Tensor
    features: torch.Tensor
    states: torch.Tensor
    attention: torch.Tensor
    modality_weights: torch.Tensor
    selected: torch.Tensor
    looked_at: torch.Tensor
    counted: torch.Tensor

    @property
    def last_logits(self):
        """Of the recurrent state after the last look [batch, num_classes]."""
        return self.state_logits[:, -1]


def _accept_older_names(init):
    """Construct a Skimmer as inference folders of version 0.1 do."""

    @functools.wraps(init)
    def accept(self, *args, glimpses=None, selection=None, **options):
        if glimpses is not None:  # They counted the mean of the preview.
            options["looks"] = glimpses - 1
        if selection is not None:
            options["attention"] = selection
        init(self, *args, **options)

    return accept


class Skimmer(torch.nn.Module):
    """Classifies a video by a few steps that it selects.

    Each look fuses what is seen, updates a recurrent state, and asks the bank
    of previewed features, by one query for each stream, where to look next.
    Before the first look comes the mean of the preview.

    It departs from the published code (`PublishedSkimmer`): no step is
    selected twice; the start is the mean, and masks nothing; one step is
    selected for all streams, by the attention that also weights the mixture;
    hard attention looks at real features; interpolation keeps the time;
    statistics of the normalisation leave out padding; a video shorter than
    the looks ends them early.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    streams : list of str
        Names of the streams of features.
    input_size : int
        Features of a step in each stream.
    hidden_size : int
        Features of the recurrent state.
    key_size : int
        Features of queries and keys.
    looks : int
        How often to look after the preview; an attribute that may be changed
        at any time.
    attention : str
        What a look shows: "soft", the previewed features weighted by the
        attention; "hard", the real features of the selected step. In training
        the gradient of hard attention is that of soft. Each forward may name
        another one.
    subsample : int or list of int
        The preview reads every so many steps; of each stream by itself, if it
        is a list. With more than there are it reads the first one alone.

    Example
    -------
    >>> skimmer = Skimmer(7, input_size=16, hidden_size=24, key_size=12).eval()
    >>> features = {"image": torch.randn(2, 21, 16)}
    >>> features["audio"] = torch.randn(2, 21, 16)
    >>> output = skimmer(features, lengths=torch.tensor([1.0, 0.5]))
    >>> output.logits.shape, output.attention.shape
    (torch.Size([2, 7]), torch.Size([2, 10, 2, 21]))
    """

    # How the preview knows the steps between those that it read.
    interpolate = staticmethod(interpolate_preview)

    @_accept_older_names
    def __init__(
        self,
        num_classes,
        streams=("image", "audio"),
        *,
        input_size=512,
        hidden_size=1024,
        key_size=512,
        looks=9,
        attention="soft",
        subsample=1,
    ):
        super().__init__()
        self.streams = list(streams)
        self.input_size = input_size
        self.key_size = key_size
        self.looks = looks
        self.attention = _check_attention(attention)
        self.subsample = subsample
        if isinstance(subsample, int):
            self.subsample = [subsample] * len(self.streams)
        self.keys = torch.nn.ModuleDict(
            {name: Keys(input_size, key_size) for name in self.streams}
        )
        self.queries = torch.nn.ModuleDict(
            {name: Query(hidden_size, key_size) for name in self.streams}
        )
        several = len(self.streams) > 1
        self.fusion = (
            FusionNet(input_size, len(self.streams))
            if several
            else torch.nn.Identity()
        )
        self.modality_attention = (
            torch.nn.Linear(hidden_size, len(self.streams)) if several else None
        )
        self.cell = torch.nn.LSTMCell(input_size, hidden_size)
        torch.nn.init.zeros_(self.cell.bias_ih)
        torch.nn.init.zeros_(self.cell.bias_hh)
        weight_norm(self.cell, "weight_ih")
        weight_norm(self.cell, "weight_hh")
        self.step_classifier = torch.nn.Linear(hidden_size, num_classes)
        self.classifier = torch.nn.Linear(input_size, num_classes)

    def forward(
        self,
        features,
        lengths=None,
        *,
        fetch=None,
        attention=None,
        threshold=None,
    ):
        """Skim a batch of videos.

        Arguments
        ---------
        features : dict of torch.Tensor
            Features of each stream by name, each [batch, T, input_size]. Of a
            subsampled preview only every subsample-th step is read, where
            `fetch` is given or attention is soft.
        lengths : torch.Tensor
            Relative lengths in [0, 1] before padding [batch].
        fetch : callable
            ``fetch(stream, indices)`` returns the real features [batch,
            input_size] of a stream at the steps with these indices [batch]
            (default: takes them from `features`). It is called for what is
            looked at and no more; for a video that is over with index 0.
        attention : str
            As in the constructor (default: what was given there).
        threshold : float
            A video is over, too, when the probability of its best class is at
            least this, the host then waits for the device after each look, and
            nobody looks on when all are over (default: nobody asks).

        Returns
        -------
        output : SkimmingOutput
        """
        bank = self._bank(features, lengths, fetch)
        return self._skim(bank, self._start(bank), attention, threshold)

    def _skim(self, bank, start, attention, threshold=None):
        """Looks at the start, and as often again as is wanted."""
        attention = _check_attention(attention or self.attention)
        seen, looked_at, allowed = start
        keys = self._keys(bank)
        cell_weights = self.cell.weight_ih, self.cell.weight_hh
        state = self._initial_state(bank)
        counted = bank.valid[:, 0]
        looks = []
        for number in range(self.looks + 1):
            fused = self.fusion(torch.cat(seen, dim=-1))
            state = self._update(fused, state, counted, cell_weights)
            shares, weights = self._attend(state[0], keys, allowed, counted)
            joint = (weights.unsqueeze(-1) * shares).sum(dim=1)
            selected = self._select(shares, joint)
            looks.append(
                {
                    "features": fused,
                    "states": state[0],
                    "attention": shares,
                    "modality_weights": weights,
                    "selected": selected,
                    "looked_at": looked_at,
                    "counted": counted,
                }
            )
            counted = counted & allowed.any(dim=-1).all(dim=-1)
            if threshold is not None:
                counted = counted & ~self._is_sure(looks, threshold)
                if not counted.any():
                    break
            if number < self.looks:
                allowed = self._exclude(allowed, selected)
                seen, looked_at = self._look(bank, selected, joint, attention)
        return self._classify(looks, bank)

    def _bank(self, features, lengths, fetch):
        """Checks the features and interpolates their preview."""
        features = [features[name] for name in self.streams]
        shapes = {tuple(stream.shape) for stream in features}
        if len(shapes) > 1 or features[0].shape[-1] != self.input_size:
            raise ValueError(
                f"expected features [batch, T, {self.input_size}] of one "
                f"length for each of {', '.join(self.streams)}, got "
                f"{', '.join(str(list(shape)) for shape in shapes)}"
            )
        valid = _valid_steps(features[0], lengths)
        previews = [
            self.interpolate(stream, valid, min(factor, stream.shape[1]))
            if factor > 1
            else stream
            for stream, factor in zip(features, self.subsample)
        ]
        return FeatureBank(self.streams, features, previews, valid, fetch)

    def _keys(self, bank):
        """Keys [batch, T, key_size] of each stream."""
        return [
            self.keys[name](preview, bank.valid)
            for name, preview in zip(self.streams, bank.previews)
        ]

    def _initial_state(self, bank):
        """Hidden and cell state of zeros."""
        hidden = self.cell.bias_ih.new_zeros(
            len(bank.valid), self.cell.hidden_size
        )
        return hidden, hidden

    def _start(self, bank):
        """First input of each stream, the step [batch, S] that it shows, and
        the steps that may be selected [batch, 1, T]."""
        share = bank.valid / bank.valid.sum(dim=1, keepdim=True)
        nowhere = torch.full_like(bank.valid[:, :1], -1, dtype=torch.long)
        looked_at = nowhere.expand(-1, len(self.streams))
        return bank.mixture(share), looked_at, bank.valid.unsqueeze(1)

    def _update(self, fused, state, counted, cell_weights):
        """Recurrent update of the videos that are not over."""
        updated = torch.lstm_cell(
            fused, state, *cell_weights, self.cell.bias_ih, self.cell.bias_hh
        )
        counted = counted.unsqueeze(-1)
        return tuple(
            torch.where(counted, new, old) for new, old in zip(updated, state)
        )

    def _attend(self, hidden, keys, allowed, counted):
        """Attention [batch, S, T] and modality weights [batch, S]."""
        scores = []
        for name, key in zip(self.streams, keys):
            query = self.queries[name](hidden, counted)
            scores.append(_products(query * self.key_size**-0.5, key))
        scores = torch.stack(scores, dim=1).float()
        lowest = torch.finfo(scores.dtype).min
        attention = scores.masked_fill(~allowed, lowest).softmax(dim=-1)
        attention = attention * allowed.any(dim=-1, keepdim=True)
        if self.modality_attention is None:
            return attention, torch.ones_like(attention[..., 0])
        return attention, self.modality_attention(hidden).float().softmax(-1)

    def _select(self, attention, joint):
        """Step for each stream [batch, S]."""
        step = joint.argmax(dim=-1, keepdim=True)
        return step.expand(-1, len(self.streams))

    def _exclude(self, allowed, selected):
        """The steps that may still be selected, as `allowed`."""
        selected = selected[:, : allowed.shape[1]].unsqueeze(-1)
        return allowed.scatter(-1, selected, False)

    def _look(self, bank, selected, joint, attention):
        """Next input [batch, input_size] of each stream, and its steps."""
        if attention == "soft":
            return bank.mixture(joint), selected
        seen = bank.real(selected)
        if self.training:
            # Else queries, keys and modality attention learn nothing.
            seen = [
                real + mixture - mixture.detach()
                for real, mixture in zip(seen, bank.mixture(joint))
            ]
        return seen, selected

    def _classify(self, looks, bank):
        """Stacks the looks, and classifies their running mean."""
        seen = {
            name: torch.stack([look[name] for look in looks], dim=1)
            for name in looks[0]
        }
        look_logits = self._look_logits(seen["features"], seen["counted"])
        return SkimmingOutput(
            logits=look_logits[:, -1],
            look_logits=look_logits,
            state_logits=self.step_classifier(seen["states"]),
            **seen,
        )

    def _look_logits(self, features, counted):
        """Classifies the running mean of looks [batch, E, num_classes]."""
        share = counted.unsqueeze(-1).to(features.dtype)
        total = (features * share).cumsum(dim=1)
        return self.classifier(total / share.cumsum(dim=1).clamp(min=1))

    def _is_sure(self, looks, threshold):
        """Boolean [batch], of what was seen so far."""
        features, counted = (
            torch.stack([look[name] for look in looks], dim=1)
            for name in ("features", "counted")
        )
        logits = self._look_logits(features, counted)[:, -1]
        return confidence(class_probabilities(logits)) >= threshold

    def macs(self, n_steps, looks=None):
        """Count the multiply-accumulate operations of skimming one video.

        Those of computing the features are not among them.

        Arguments
        ---------
        n_steps : int
            Number of steps T.
        looks : int
            Number of looks (default: that of the skimmer).

        Returns
        -------
        macs : int

        Example
        -------
        >>> Skimmer(200).macs(300) / 1e9
        0.27...
        """
        looks = self.looks if looks is None else looks
        streams, size = len(self.streams), self.input_size
        hidden = self.cell.hidden_size
        recurrent = 4 * hidden * (size + hidden)
        queries = streams * hidden * (hidden + self.key_size)
        attention = streams * n_steps * (self.key_size + size)
        heads = sum(
            layer.weight.numel()
            for layer in (self.step_classifier, self.classifier)
        )
        fusion = 0
        if streams > 1:
            fusion = streams * size * (streams + 1) * size + streams * hidden
        look = recurrent + queries + attention + heads + fusion
        keys = streams * n_steps * size * self.key_size
        return keys + (looks + 1) * look


def _check_attention(attention):
    """The attention, or an error where there is none such."""
    if attention not in ATTENTIONS:
        raise ValueError(
            f"attention is {' or '.join(ATTENTIONS)}, not {attention!r}"
        )
    return attention


def _valid_steps(features, lengths):
    """Boolean [batch, T]; every video has at least one step."""
    batch, time = features.shape[:2]
    index = torch.arange(time, device=features.device).expand(batch, -1)
    if lengths is None:
        return torch.ones_like(index, dtype=torch.bool)
    return index < (lengths.unsqueeze(1) * time).round().clamp(min=1)


def _products(query, keys):
    """Of a query [batch, size] with keys [batch, T, size]: [batch, T]."""
    query = query.to(keys).unsqueeze(1)
    if keys.dtype == torch.float32:
        # On a CPU a third of the time of the other order; in bfloat16 that
        # of the other order is a third.
        return (keys @ query.transpose(1, 2)).squeeze(2)
    return (query @ keys.transpose(1, 2)).squeeze(1)
