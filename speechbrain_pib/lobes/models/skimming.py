"""IMGAUD-SKIMMING: glance at a video's images and sounds, and look again only
where it pays (Listen to Look, https://arxiv.org/abs/1912.04487).

Authors
 * The speechbrain_pib developers 2026
"""

from typing import NamedTuple

import torch
from torch.nn.utils.parametrizations import weight_norm

from speechbrain_pib.lobes.models.feature_bank import (
    FeatureBank,
    FusionNet,
    Keys,
    Query,
    interpolate_preview,
    resize_preview,
)

CHOICES = {
    "start": ("mean", "first", "given"),
    "selection": ("soft", "hard", "hard_preview"),
    "moments": ("shared", "own", "first"),
    "interpolation": ("time", "resize"),
    "keys_from": ("preview", "features"),
    "average": ("inputs", "mixtures"),
}


class SkimmingOutput(NamedTuple):
    """What a skimming saw. E steps, S streams, T moments.

    A video of which every moment was selected is over: later steps do not
    count, and leave its state and its logits as they were.

    Arguments
    ---------
    logits : torch.Tensor
        Of the mean over what was looked at [batch, num_classes].
    glimpse_logits : torch.Tensor
        The same after 1, ..., E steps [batch, E, num_classes]: the curve over
        the number of glimpses from one run.
    step_logits : torch.Tensor
        Of the recurrent state after each step [batch, E, num_classes].
    features : torch.Tensor
        What was looked at, fused, whose mean is classified
        [batch, E, features].
    states : torch.Tensor
        Recurrent state after each step [batch, E, hidden_size].
    attention : torch.Tensor
        Of each stream's query after each step [batch, E, S, T]; sums to one
        over the moments, or is 0 where none is left.
    modality_weights : torch.Tensor
        Share of each stream's query in the mixture, and in the shared moment
        [batch, E, S].
    moments : torch.Tensor
        Moments selected after each step, by each stream [batch, E, S]; those
        after the last step are not looked at any more.
    looked_at : torch.Tensor
        Moments at which each step looked [batch, E, S]: its input with hard
        selection, where most of the attention was with soft selection, -1 for
        the mean of the preview.
    counted : torch.Tensor
        Boolean [batch, E], False for the steps after a video was over.

    Example
    -------
    >>> output = SkimmingOutput(*[torch.zeros(2, 3, 4)] * 10)
    >>> output.last_logits.shape
    torch.Size([2, 4])
    """

    logits: torch.Tensor
    glimpse_logits: torch.Tensor
    step_logits: torch.Tensor
    features: torch.Tensor
    states: torch.Tensor
    attention: torch.Tensor
    modality_weights: torch.Tensor
    moments: torch.Tensor
    looked_at: torch.Tensor
    counted: torch.Tensor

    @property
    def last_logits(self):
        """Of the recurrent state after the last step [batch, num_classes]."""
        return self.step_logits[:, -1]


class Skimmer(torch.nn.Module):
    """Classifies a video by a few moments that it selects.

    Each step fuses what was looked at, updates a recurrent state, and asks
    the bank of previewed features, by one query for each stream, where to
    look next. With one stream it is the single-modality variant.

    The defaults depart from the published code: no moment is selected twice;
    the start is the mean, and masks nothing; one moment is selected for all
    streams, by the attention that also weights the mixture; hard selection
    looks at real features; interpolation keeps the time; statistics of the
    normalisation leave out padding; a video shorter than the episode ends it
    early. The published code is ``moments="first", interpolation="resize",
    masked_norm=False``, with ``selection="hard_preview"`` for its hard
    selection, and for one stream ``keys_from="features",
    average="mixtures"``.

    Arguments
    ---------
    num_classes : int
        Number of classes.
    streams : list of str
        Names of the streams of features.
    input_size : int
        Features of a moment in each stream.
    hidden_size : int
        Features of the recurrent state.
    key_size : int
        Features of queries and keys.
    glimpses : int
        Number of steps; an attribute that may be changed at any time.
    start : str
        Input of the first step: the "mean" of the preview, the "first"
        moment, or the moment "given" to forward.
    reselect : bool
        Whether a moment may be selected more than once.
    selection : str
        Input of the other steps: "soft", the previewed features weighted by
        the attention; "hard", the real features of the selected moment;
        "hard_preview", its row of the preview (published). In training the
        gradient of hard selection is that of the mixture. Each forward may
        name another one.
    moments : str
        At which moment hard selection looks: "shared", one for all streams,
        where the attention weighted by the modality weights is largest;
        "own", each stream at that of its own query; "first", all at that of
        the first stream's query (published). Without reselection a "shared"
        moment is excluded for all queries, others each for its own.
    subsample : int or list of int
        The preview reads every so many moments; of each stream by itself, if
        it is a list. With more than there are it reads the first one alone.
    interpolation : str
        How the preview knows the moments between: see `interpolate_preview`
        ("time") and `resize_preview` ("resize", published).
    keys_from : str
        Computes keys of the "preview" or of the "features" of all moments
        (published for one stream), which a subsampled preview does not have.
    average : str
        What is classified is the mean of the "inputs" of all steps, or of the
        "mixtures" that followed them (published for one stream).
    masked_norm : bool
        Whether statistics of the normalisation leave out padding.

    Example
    -------
    >>> skimmer = Skimmer(7, input_size=16, hidden_size=24, key_size=12).eval()
    >>> features = {"image": torch.randn(2, 21, 16)}
    >>> features["audio"] = torch.randn(2, 21, 16)
    >>> output = skimmer(features, lengths=torch.tensor([1.0, 0.5]))
    >>> output.logits.shape, output.attention.shape
    (torch.Size([2, 7]), torch.Size([2, 10, 2, 21]))
    """

    def __init__(
        self,
        num_classes,
        streams=("image", "audio"),
        *,
        input_size=512,
        hidden_size=1024,
        key_size=512,
        glimpses=10,
        start="mean",
        reselect=False,
        selection="soft",
        moments="shared",
        subsample=1,
        interpolation="time",
        keys_from="preview",
        average="inputs",
        masked_norm=True,
    ):
        super().__init__()
        self.streams = list(streams)
        self.input_size = input_size
        self.key_size = key_size
        self.glimpses = glimpses
        self.start = start
        self.reselect = reselect
        self.selection = selection
        self.moments = moments
        self.subsample = subsample
        if isinstance(subsample, int):
            self.subsample = [subsample] * len(self.streams)
        self.interpolation = interpolation
        self.keys_from = keys_from
        self.average = average
        self.masked_norm = masked_norm
        for name in CHOICES:
            _check_choice(name, getattr(self, name))
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
        self, features, lengths=None, *, start=None, fetch=None, selection=None
    ):
        """Skims a batch of videos.

        Arguments
        ---------
        features : dict of torch.Tensor
            Features of each stream by name, each [batch, T, input_size]. Of a
            subsampled preview only every subsample-th moment is read, where
            `fetch` is given (or selection is soft and the start the mean).
        lengths : torch.Tensor
            Relative lengths in [0, 1] before padding [batch].
        start : torch.Tensor
            Index of the moment to start from [batch], for ``start="given"``.
            With another start it is only regarded as selected.
        fetch : callable
            ``fetch(stream, indices)`` returns the real features [batch,
            input_size] of a stream at the moments with these indices [batch]
            (default: takes them from `features`). It is called for what is
            looked at and no more; for a video that is over with index 0.
        selection : str
            As in the constructor (default: what was given there).

        Returns
        -------
        output : SkimmingOutput
        """
        selection = selection or self.selection
        _check_choice("selection", selection)
        bank = self._bank(features, lengths, fetch)
        known = bank.previews if self.keys_from == "preview" else bank.features
        keys = [
            self.keys[name](stream, bank.valid if self.masked_norm else None)
            for name, stream in zip(self.streams, known)
        ]
        cell_weights = self.cell.weight_ih, self.cell.weight_hh
        state = self._initial_state(bank)
        looked, looked_at, moments = self._start(bank, known, start)
        counted = bank.valid[:, 0]
        allowed = bank.valid.unsqueeze(1)
        if self.moments != "shared":
            allowed = allowed.expand(-1, len(self.streams), -1)
        steps = []
        for index in range(self.glimpses):
            fused = self.fusion(torch.cat(looked, dim=-1))
            state = self._update(fused, state, counted, cell_weights)
            if not self.reselect and moments is not None:
                selected = moments[:, : allowed.shape[1]].unsqueeze(-1)
                allowed = allowed.scatter(-1, selected, False)
            attention, weights = self._attend(state[0], keys, allowed, counted)
            joint = _joint(attention, weights)
            moments = self._select(attention, joint)
            steps.append(
                {
                    "features": fused,
                    "states": state[0],
                    "attention": attention,
                    "modality_weights": weights,
                    "moments": moments,
                    "looked_at": looked_at,
                    "counted": counted,
                }
            )
            counted = counted & allowed.any(dim=-1).all(dim=-1)
            if index + 1 < self.glimpses:
                looked, looked_at = self._look(bank, moments, joint, selection)
        return self._classify(steps, bank)

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
        valid = _valid_moments(features[0], lengths)
        time = features[0].shape[1]
        fill = {"time": interpolate_preview, "resize": resize_preview}
        previews = [
            fill[self.interpolation](stream, valid, min(factor, time))
            if factor > 1
            else stream
            for stream, factor in zip(features, self.subsample)
        ]
        return FeatureBank(self.streams, features, previews, valid, fetch)

    def _initial_state(self, bank):
        """Hidden and cell state of zeros."""
        hidden = self.cell.bias_ih.new_zeros(
            len(bank.valid), self.cell.hidden_size
        )
        return hidden, hidden

    def _start(self, bank, known, start):
        """First input, the moments it shows, and those already selected."""
        if start is None and self.start == "given":
            raise ValueError("start='given' needs the start of each video")
        if self.start == "first":
            start = torch.zeros_like(bank.valid[:, 0], dtype=torch.long)
        moments = start
        if start is not None:
            moments = start.unsqueeze(1).expand(-1, len(self.streams))
        if self.start != "mean":
            return bank.real(moments), moments, moments
        nowhere = torch.full_like(bank.valid[:, :1], -1, dtype=torch.long)
        share = bank.valid / bank.valid.sum(dim=1, keepdim=True)
        mean = bank._replace(previews=known).mixture(share)
        return mean, nowhere.expand(-1, len(self.streams)), moments

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
            query = self.queries[name](
                hidden, counted if self.masked_norm else None
            )
            scores.append(_products(query * self.key_size**-0.5, key))
        scores = torch.stack(scores, dim=1).float()
        lowest = torch.finfo(scores.dtype).min
        attention = scores.masked_fill(~allowed, lowest).softmax(dim=-1)
        attention = attention * allowed.any(dim=-1, keepdim=True)
        if self.modality_attention is None:
            return attention, torch.ones_like(attention[..., 0])
        return attention, self.modality_attention(hidden).float().softmax(-1)

    def _select(self, attention, joint):
        """Moment for each stream [batch, S]."""
        if self.moments == "shared":
            moment = joint.argmax(dim=-1, keepdim=True)
            return moment.expand(-1, len(self.streams))
        return attention.argmax(dim=-1)

    def _look(self, bank, moments, joint, selection):
        """Next input [batch, input_size] of each stream, and its moments."""
        if self.moments == "first":
            moments = moments[:, :1].expand_as(moments)
        if selection == "soft":
            return bank.mixture(joint), moments
        look = bank.real if selection == "hard" else bank.previewed
        looked = look(moments)
        if self.training:
            # Else queries, keys and modality attention learn nothing.
            looked = [
                seen + mixture - mixture.detach()
                for seen, mixture in zip(looked, bank.mixture(joint))
            ]
        return looked, moments

    def _classify(self, steps, bank):
        """Stacks the steps, and classifies their running mean."""
        seen = {
            name: torch.stack([step[name] for step in steps], dim=1)
            for name in steps[0]
        }
        if self.average == "mixtures":
            joint = _joint(seen["attention"], seen["modality_weights"])
            mixtures = torch.cat(bank.mixture(joint), dim=-1)
            seen["features"] = self.fusion(mixtures)
            left = seen["attention"].any(dim=-1).all(dim=-1)
            seen["counted"] = seen["counted"] & left
        share = seen["counted"].unsqueeze(-1).to(seen["features"].dtype)
        total = (seen["features"] * share).cumsum(dim=1)
        mean = total / share.cumsum(dim=1).clamp(min=1)
        glimpse_logits = self.classifier(mean)
        return SkimmingOutput(
            logits=glimpse_logits[:, -1],
            glimpse_logits=glimpse_logits,
            step_logits=self.step_classifier(seen["states"]),
            **seen,
        )

    def macs(self, time, glimpses=None):
        """Multiply-accumulate operations of skimming one video.

        Those of computing the features are not among them.

        Arguments
        ---------
        time : int
            Number of moments T.
        glimpses : int
            Number of steps (default: that of the skimmer).

        Returns
        -------
        macs : int

        Example
        -------
        >>> Skimmer(200).macs(300) / 1e9
        0.27...
        """
        streams, size = len(self.streams), self.input_size
        hidden = self.cell.hidden_size
        recurrent = 4 * hidden * (size + hidden)
        queries = streams * hidden * (hidden + self.key_size)
        attention = streams * time * (self.key_size + size)
        heads = sum(
            layer.weight.numel()
            for layer in (self.step_classifier, self.classifier)
        )
        fusion = 0
        if streams > 1:
            fusion = streams * size * (streams + 1) * size + streams * hidden
        step = recurrent + queries + attention + heads + fusion
        keys = streams * time * size * self.key_size
        return keys + (self.glimpses if glimpses is None else glimpses) * step


def _check_choice(name, value):
    """Raises where an option has a value that it cannot have."""
    if value not in CHOICES[name]:
        raise ValueError(
            f"{name} is one of {', '.join(CHOICES[name])}, not {value!r}"
        )


def _valid_moments(features, lengths):
    """Boolean [batch, T]; every video has at least one moment."""
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


def _joint(attention, modality_weights):
    """Attention of all queries together, from [..., S, T] to [..., T]."""
    return (modality_weights.unsqueeze(-1) * attention).sum(dim=-2)
