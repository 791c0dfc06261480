"""Training steps of Play It Back: time and memory, each in a process of its
own, so that no other job counts in its memory.

Authors
 * The speechbrain_pib developers 2026
"""

import concurrent.futures
import itertools
import multiprocessing

import torch
from measure import median_seconds, memory_in_use, peak_memory
from models import autocast, build_model, noise

from speechbrain_pib.nnet.losses import PlayItBackLoss


def training_rows(arguments):
    """Measures a step of X1 and X3, frozen and not, with and without
    checkpointing, in the last of the precisions.

    Arguments
    ---------
    arguments : argparse.Namespace
        Of the command line.

    Returns
    -------
    rows : list
        A dictionary for each table row.
    """
    spawn = multiprocessing.get_context("spawn")
    rows = []
    cases = itertools.product((1, 3), (True, False), (False, True))
    for replays, frozen, checkpointing in cases:
        with concurrent.futures.ProcessPoolExecutor(1, spawn) as process:
            job = process.submit(
                training_step, arguments, replays, frozen, checkpointing
            )
            rows.append(job.result())
    return rows


def training_step(arguments, replays, frozen, checkpointing):
    """Measures the training step of one configuration.

    Arguments
    ---------
    arguments : argparse.Namespace
        Of the command line.
    replays : int
        Number of replays.
    frozen : bool
        Whether the backbone is frozen.
    checkpointing : bool
        Whether activations are computed again in the backward pass.

    Returns
    -------
    row : dict
        Time, clips per second and the memory that the step added to that of
        an empty process.
    """
    torch.set_num_threads(arguments.threads)
    device, precision = torch.device(arguments.device), arguments.precision[-1]
    before = memory_in_use(device)
    model = build_model(
        arguments.variant,
        replays,
        freeze_backbone=frozen,
        checkpoint_activations=checkpointing,
    )
    model.to(device).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-4, momentum=0.9)
    compute_loss = PlayItBackLoss()
    wavs = noise(arguments.training_batch, model, device)
    targets = torch.zeros(len(wavs), model.backbone.head.out_features)
    targets[:, 0] = 1.0
    targets = targets.to(device)
    if arguments.compile:
        model.compile(fullgraph=True, mode=arguments.mode)

    def step():
        with autocast(device, precision):
            loss = compute_loss(model(wavs), targets)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    repeats = 10 if device.type == "cuda" else 2
    median = median_seconds({"step": step}, device, repeats, warm_up=1)["step"]
    return {
        "model": f"X{replays}",
        "backbone": "frozen" if frozen else "trained",
        "checkpointing": "yes" if checkpointing else "no",
        "precision": precision,
        "batch": len(wavs),
        "s/step": median,
        "clips/s": len(wavs) / median,
        "memory, GiB": (peak_memory(device) - before) / 2**30,
    }
