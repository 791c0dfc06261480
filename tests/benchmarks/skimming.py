#!/usr/bin/env python3
"""Measures how fast skimming is, beside the same in the published way.

Videos of noise, 200 classes, the published sizes. From the root of the
repository:

    PYTHONPATH=. python tests/benchmarks/skimming.py --threads 2

Authors
 * The speechbrain_pib developers 2026
"""

import argparse
import json

import torch
from measure import hardware, median_seconds
from models import DTYPES, autocast, worth_measuring

from speechbrain_pib.lobes.models.skimming_published import PublishedSkimmer


@torch.no_grad()
def published(skimmer, features):
    """Skims in the way of the published code, with the same weights.

    Keys by 1x1 convolutions of transposed features, their normalisation and
    rectification by themselves, weights normalised anew in each step, and four
    mixtures of which each stream takes its share.

    Arguments
    ---------
    skimmer : PublishedSkimmer
        For images and sound, in evaluation.
    features : dict of torch.Tensor
        [batch, T, size] of each stream.

    Returns
    -------
    logits : torch.Tensor
        [batch, classes]
    """
    banks = list(features.values())
    keys = [_keys(skimmer.keys[name], features[name]) for name in features]
    inputs = [bank.sum(dim=1) / bank.shape[1] for bank in banks]
    state = [banks[0].new_zeros(len(banks[0]), 1024)] * 2
    masks = [torch.ones_like(bank[:, :, 0]) for bank in banks]
    fused = []
    for _ in range(skimmer.looks + 1):
        fused.append(skimmer.fusion(torch.cat(inputs, dim=1)))
        state = skimmer.cell(fused[-1], state)
        skimmer.step_classifier(state[0])
        shares = []
        for name, key, mask in zip(features, keys, masks):
            query = skimmer.queries[name](state[0]).unsqueeze(1)
            scores = torch.bmm(query, key).squeeze(1) / 512**0.5
            scores = scores * mask + (1 - mask) * -1e35
            shares.append(scores.softmax(dim=1))
            mask.scatter_(1, shares[-1].argmax(dim=1, keepdim=True), 0.0)
        weights = skimmer.modality_attention(state[0]).softmax(dim=1)
        inputs = [
            sum(
                weight.unsqueeze(1)
                * torch.bmm(share.unsqueeze(1), bank).squeeze(1)
                for weight, share in zip(weights.unbind(1), shares)
            )
            for bank in banks
        ]
    return skimmer.classifier(torch.stack(fused, dim=2).mean(dim=2))


def _keys(keys, bank):
    """Keys [batch, size, T]."""
    norm, grid = keys.norm, bank.transpose(1, 2).unsqueeze(-1)
    weight = keys.project.weight[:, :, None, None]
    grid = torch.nn.functional.conv2d(grid, weight, keys.project.bias)
    grid = torch.nn.functional.batch_norm(
        grid, norm.running_mean, norm.running_var, norm.weight, norm.bias
    )
    return grid.relu().squeeze(-1)


def main():
    """Measures, and prints a table."""
    parser = argparse.ArgumentParser(description="Measures skimming.")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=300, help="of a video")
    parser.add_argument("--repeats", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    print(json.dumps(hardware(device), indent=4))
    torch.manual_seed(0)
    skimmer = PublishedSkimmer(200).eval().to(device)
    noise = torch.randn(2, arguments.batch, arguments.steps, 512)
    features = dict(zip(skimmer.streams, noise.to(device)))

    def skim(attention, precision):
        with torch.no_grad(), autocast(device, precision):
            return skimmer(features, attention=attention).logits

    functions = {"as published": lambda: published(skimmer, features)}
    for precision in worth_measuring(list(DTYPES), device):
        for attention in ("soft", "hard"):
            functions[f"{attention}, {precision}"] = (
                lambda a=attention, p=precision: skim(a, p)
            )
    difference = published(skimmer, features) - skim("soft", "fp32")
    print(f"largest difference of logits: {difference.abs().max():.1e}")
    medians = median_seconds(functions, device, arguments.repeats)
    print("\n| computed | ms/batch | times as fast |\n|---|---|---|")
    for name, seconds in medians.items():
        ratio = medians["as published"] / seconds
        print(f"| {name} | {1000 * seconds:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
