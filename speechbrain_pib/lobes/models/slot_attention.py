"""Slot attention over time, and the selector of salient segments made of it.

Slot attention follows https://arxiv.org/abs/2006.15055; using two slots to
tell the informative part of a sound from the rest follows Play It Back
(https://arxiv.org/abs/2210.11328).

Authors
 * The speechbrain_pib developers 2026
"""

import torch


class SlotAttention(torch.nn.Module):
    """Slots that compete for the elements of a sequence.

    Departures from the paper: every slot has a start of its own, so that its
    role is fixed; noise is added to it in training only, so that evaluation is
    deterministic; the attention is read out once more after the last update,
    so that every parameter takes part in it.

    Arguments
    ---------
    input_size : int
        Features of an element.
    slot_size : int
        Features of a slot.
    num_slots : int
        Number of slots.
    iterations : int
        Number of updates.

    Example
    -------
    >>> attention = SlotAttention(64, slot_size=32)
    >>> slots, weights = attention(torch.randn(2, 13, 64))
    >>> slots.shape, weights.shape
    (torch.Size([2, 2, 32]), torch.Size([2, 2, 13]))
    """

    def __init__(self, input_size, slot_size=128, num_slots=2, iterations=3):
        super().__init__()
        self.iterations = iterations
        self.scale = slot_size**-0.5
        self.slots_mu = torch.nn.Parameter(torch.empty(num_slots, slot_size))
        self.slots_logsigma = torch.nn.Parameter(
            torch.full((num_slots, slot_size), -3.0)
        )
        torch.nn.init.xavier_uniform_(self.slots_mu)
        self.norm_input = torch.nn.LayerNorm(input_size)
        self.norm_slots = torch.nn.LayerNorm(slot_size)
        self.to_k = torch.nn.Linear(input_size, slot_size, bias=False)
        self.to_v = torch.nn.Linear(input_size, slot_size, bias=False)
        self.to_q = torch.nn.Linear(slot_size, slot_size, bias=False)
        self.gru = torch.nn.GRUCell(slot_size, slot_size)
        self.mlp = torch.nn.Sequential(
            torch.nn.LayerNorm(slot_size),
            torch.nn.Linear(slot_size, 2 * slot_size),
            torch.nn.ReLU(),
            torch.nn.Linear(2 * slot_size, slot_size),
        )

    def no_weight_decay(self):
        """Name the parameters that an optimizer must not pull to zero."""
        return {"slots_mu", "slots_logsigma"}

    def forward(self, inputs, valid=None):
        """Let the slots compete for the elements of a sequence.

        Arguments
        ---------
        inputs : torch.Tensor
            Sequence [batch, time, input_size].
        valid : torch.Tensor
            Boolean [batch, time], False where the sequence is padding.

        Returns
        -------
        slots : torch.Tensor
            Updated slots [batch, num_slots, slot_size].
        attention : torch.Tensor
            Share of each slot in each element [batch, num_slots, time];
            sums to one over the slots.
        """
        inputs = self.norm_input(inputs)
        # [batch, time, slot_size]
        key, value = self.to_k(inputs), self.to_v(inputs)
        slots = self._start(inputs)  # [batch, slots, slot_size]
        for _ in range(self.iterations):
            weights = self._attend(slots, key)  # [batch, slots, time]
            if valid is not None:
                weights = weights * valid.unsqueeze(1)
            weights = weights / (weights.sum(-1, keepdim=True) + 1e-8)
            slots = self._update(slots, weights @ value)
        return slots, self._attend(slots, key)

    def _start(self, inputs):
        """Return the learned starts of the slots, with noise in training."""
        slots = self.slots_mu.expand(inputs.shape[0], -1, -1)
        if self.training:
            noise = torch.randn_like(slots)
            slots = slots + self.slots_logsigma.exp() * noise
        return slots

    def _attend(self, slots, key):
        """Compute the softmax over slots of their match with each element."""
        query = self.to_q(self.norm_slots(slots)) * self.scale
        # [batch, slots, slot_size] @ [batch, slot_size, time]
        return (query @ key.transpose(1, 2)).softmax(dim=1)

    def _update(self, slots, updates):
        """Update all slots by a GRU and a residual MLP."""
        # A GRUCell takes rows: [batch * slots, slot_size].
        new = self.gru(updates.flatten(0, 1), slots.flatten(0, 1))
        new = new.view_as(slots)
        return new + self.mlp(new)


class SlotSelector(torch.nn.Module):
    """Separate foreground from background over time by two slots.

    Slot 0 is the foreground, slot 1 the background. The features are averaged
    over frequency and given a soft position embedding of (t, 1 - t). The
    published code attends over channels with slots that live on the time
    axis, and trains neither.

    Arguments
    ---------
    input_size : int
        Channels of the feature grid.
    slot_size : int
        Features of a slot.
    iterations : int
        Number of updates of slot attention.

    Example
    -------
    >>> selector = SlotSelector(64)
    >>> selector(torch.randn(2, 13, 4, 64)).shape
    torch.Size([2, 2, 13])
    """

    def __init__(self, input_size, slot_size=128, iterations=3):
        super().__init__()
        self.input_size = input_size
        self.position = torch.nn.Linear(2, input_size)
        self.slot_attention = SlotAttention(
            input_size, slot_size, num_slots=2, iterations=iterations
        )

    def forward(self, grid, valid=None):
        """Divide each time step between foreground and background.

        Arguments
        ---------
        grid : torch.Tensor
            Features [batch, time, frequency, input_size].
        valid : torch.Tensor
            Boolean [batch, time], False where the clip is padding.

        Returns
        -------
        attention : torch.Tensor
            [batch, 2, time], foreground first; sums to one over dimension 1.
        """
        time = torch.linspace(
            0, 1, grid.shape[1], device=grid.device, dtype=grid.dtype
        )
        # [time, 2] -> [time, input_size]
        position = self.position(torch.stack([time, 1 - time], dim=-1))
        _, attention = self.slot_attention(grid.mean(dim=2) + position, valid)
        return attention
