#!/usr/bin/env python3
"""Measures how long the training of a recipe waits for its data.

Runs a recipe's train.py as it is, and times what lies between the end of one
training step and the start of the next: loading, collating, and the progress
bar. From the root of the repository:

    PYTHONPATH=. python tests/benchmarks/waiting.py \
        recipes/VGGSound/train.py hparams/pib.yaml --number_of_epochs=1

On a GPU the steps are still running when they return, so that the share that
is printed is more than what the GPU waits.

Authors
 * The speechbrain_pib developers 2026
"""

import runpy
import sys
import time
from pathlib import Path

from speechbrain_pib.training.classification import ClassificationBrain


def timed(fit_batch, spans):
    """Wraps Brain.fit_batch to note when each step starts and stops.

    Arguments
    ---------
    fit_batch : callable
        The method.
    spans : list
        Gets (start, stop) of each step, in seconds.

    Returns
    -------
    fit_batch : callable
    """

    def fit_and_note(brain, batch):
        start = time.perf_counter()
        loss = fit_batch(brain, batch)
        spans.append((start, time.perf_counter()))
        return loss

    return fit_and_note


def main():
    """Runs the recipe named on the command line, and prints the share."""
    script, *sys.argv[1:] = sys.argv[1:]
    sys.argv[0] = script
    sys.path.insert(0, str(Path(script).resolve().parent))
    spans, fit_epoch = [], ClassificationBrain._fit_train
    waits, steps = [], []

    def fit_and_sum(brain, *arguments, **options):
        spans.clear()
        fit_epoch(brain, *arguments, **options)
        # Before the first step workers start, once in an epoch.
        gaps = [b[0] - a[1] for a, b in zip(spans, spans[1:])]
        waits.append(sum(gaps))
        steps.append(spans[-1][1] - spans[0][0])

    ClassificationBrain.fit_batch = timed(ClassificationBrain.fit_batch, spans)
    ClassificationBrain._fit_train = fit_and_sum
    runpy.run_path(script, run_name="__main__")
    for epoch, (wait, total) in enumerate(zip(waits, steps), start=1):
        print(
            f"epoch {epoch}: {total:.1f} s, of which {wait:.2f} s "
            f"({wait / total:.1%}) between steps"
        )


if __name__ == "__main__":
    main()
