"""SlotAttention against a slow loop written from the paper."""

import pytest
import torch

from speechbrain_pib.lobes.models.slot_attention import (
    SlotAttention,
    SlotSelector,
)


def slow_slot_attention(module, inputs):
    """One clip at a time, one slot at a time (the paper's algorithm 1)."""
    with torch.no_grad():
        inputs = module.norm_input(inputs)
        slots = module.slots_mu.clone()
        for step in range(module.iterations + 1):
            queries = module.to_q(module.norm_slots(slots))
            scores = queries @ module.to_k(inputs).T * slots.shape[1] ** -0.5
            shares = scores.exp() / scores.exp().sum(0)
            if step == module.iterations:
                return slots, shares
            for slot in range(len(slots)):
                weights = shares[slot] / shares[slot].sum()
                update = sum(
                    w * module.to_v(x) for w, x in zip(weights, inputs)
                )
                new = module.gru(update[None], slots[slot : slot + 1])[0]
                slots[slot] = new + module.mlp(new)


def test_equals_a_slow_loop_from_the_paper():
    torch.manual_seed(0)
    module = SlotAttention(12, slot_size=8).eval()
    inputs = torch.randn(3, 10, 12)
    slots, shares = module(inputs)
    for clip in range(3):
        slow_slots, slow_shares = slow_slot_attention(module, inputs[clip])
        assert torch.allclose(slots[clip], slow_slots, atol=1e-5)
        assert torch.allclose(shares[clip], slow_shares, atol=1e-5)


def test_slots_share_each_time_step():
    selector = SlotSelector(16, slot_size=8)
    attention = selector(torch.randn(2, 13, 4, 16))
    assert torch.allclose(attention.sum(dim=1), torch.ones(2, 13))


def test_noise_only_in_training():
    selector = SlotSelector(16, slot_size=8)
    grid = torch.randn(2, 13, 4, 16)
    assert not torch.equal(selector(grid), selector(grid))
    selector.eval()
    assert torch.equal(selector(grid), selector(grid))


def test_noise_is_of_each_clip_and_as_large_as_learned():
    selector = SlotSelector(16, slot_size=8)
    attention = selector(torch.randn(1, 13, 4, 16).expand(2, -1, -1, -1))
    assert not torch.allclose(attention[0], attention[1])
    torch.nn.init.constant_(selector.slot_attention.slots_logsigma, -30.0)
    grid = torch.randn(2, 13, 4, 16)
    assert torch.allclose(selector(grid), selector.eval()(grid), atol=1e-6)


def test_slots_see_the_mean_over_frequency_and_the_time_from_both_ends():
    selector, seen = SlotSelector(16, slot_size=8).eval(), []
    selector.slot_attention.register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    grid = torch.randn(2, 5, 4, 16)
    selector(grid)
    position = selector.position
    for step in range(5):
        from_start, to_end = step / 4, 1 - step / 4
        expected = sum(grid[:, step].unbind(1)) / 4 + position.bias
        expected = expected + from_start * position.weight[:, 0]
        expected = expected + to_end * position.weight[:, 1]
        torch.testing.assert_close(seen[0][:, step], expected)


def test_padding_does_not_reach_the_slots():
    selector = SlotSelector(16, slot_size=8).eval()
    valid = torch.arange(13).expand(2, -1) < 8
    grid = torch.randn(2, 13, 4, 16)
    other = grid.clone()
    other[:, 8:] = 100.0
    seen = selector(grid, valid)[:, :, :8]
    assert torch.allclose(seen, selector(other, valid)[:, :, :8])


@pytest.mark.slow
def test_a_trained_selector_finds_the_informative_part():
    torch.manual_seed(0)
    selector = SlotSelector(8, slot_size=16)
    head = torch.nn.Linear(8, 4)
    parameters = [*selector.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.003)

    def batch():
        labels = torch.randint(4, (64,))
        starts = torch.randint(10, (64, 1))
        time = torch.arange(13)
        event = (time >= starts) & (time < starts + 3)
        signature = 2.0 * torch.eye(8)[labels][:, None, None]
        grid = 0.3 * torch.randn(64, 13, 1, 8)
        return grid + event[:, :, None, None] * signature, labels, event

    for _ in range(600):
        grid, labels, _ = batch()
        attention = selector(grid)
        shares = attention / (attention.sum(-1, keepdim=True) + 1.0)
        foreground, background = head(shares @ grid.mean(2)).unbind(1)
        uniform = torch.full((64, 4), 0.25)
        loss = torch.nn.functional.cross_entropy(foreground, labels)
        loss += torch.nn.functional.cross_entropy(background, uniform)
        loss += 0.1 * attention[:, 0].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    selector.eval()
    grid, _, event = batch()
    foreground = selector(grid)[:, 0]
    found = foreground > foreground.mean(dim=1, keepdim=True)
    overlap = (found & event).sum() / (found | event).sum()
    assert overlap > 0.7
