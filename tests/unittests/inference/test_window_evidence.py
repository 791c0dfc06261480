"""Evidence of windows against the model's output, cell by cell.

Authors
 * The speechbrain_pib developers 2026
"""

import numpy as np
import torch

from speechbrain_pib.dataio.timelines.windows import Window, WindowPlan
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.window_evidence import WindowListener
from speechbrain_pib.lobes.models.evidence import (
    evidence_in_cells,
    step_evidence,
)
from speechbrain_pib.lobes.models.until_sure import UntilSure


def test_evidence_is_attention_times_mean_probability_in_original_time(
    exported,
):
    classifier = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )
    model = classifier.mods.model
    plan = WindowPlan(8000, 8000)
    wav = 0.1 * torch.randn(8000)
    listener = WindowListener(classifier, plan)
    (heard,) = listener.listen([Window(0, 0, wav, last=True)])
    assert not heard.evidence[:, -1].any() and heard.replayed is None
    listener.replay([heard])
    assert (heard.evidence[:, -1] == 2).all()
    with torch.no_grad():
        output = model(wav.unsqueeze(0))
        clip = output.logits[0].softmax(dim=0)
        expected = np.zeros((plan.cells, 4))
        steps = model.backbone.token_positions(100).numpy()
        cells = (np.arange(plan.cells) + 0.5) * plan.cell
        times = [
            np.interp(steps, np.arange(100), output.centres[index][0].numpy())
            for index in range(3)
        ]
        for index in range(3):
            pooled = output.grids[index][0].mean(dim=1)
            own = model.backbone.forward_head(pooled).softmax(dim=1)
            # Nothing is replayed of the last pass: its attention is no one's.
            attention = np.interp(
                times[index],
                times[min(index, 1)],
                output.attention[min(index, 1)][0].numpy(),
            )
            evidence = (own * clip).sqrt().numpy() * attention[:, None]
            for label in range(4):
                expected[:, label] += np.interp(
                    cells, times[index], evidence[:, label]
                )
    assert np.allclose(heard.evidence[:, :-1], expected / 3, atol=1e-5)
    probabilities = heard.replayed.probabilities
    assert torch.allclose(probabilities[-1], clip, atol=1e-5)
    first = output.pass_logits[0, 0].softmax(dim=0)
    assert torch.allclose(probabilities[0], first, atol=1e-5)
    # The selection of the last pass is not replayed.
    assert heard.replayed.segments == output.segments[0][:-1]


def test_a_window_that_is_sure_has_the_evidence_of_what_it_heard(exported):
    """That of a model whose replays are no more than it needed."""
    classifier = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )
    model, plan, seen = classifier.mods.model, WindowPlan(8000, 8000), set()
    wavs = torch.logspace(-3, -0.5, 9).unsqueeze(1) * torch.randn(9, 8000)
    with torch.no_grad():
        sure = model(wavs).pass_logits.softmax(dim=2).amax(dim=2)
    # One is sure after the second pass, others earlier and later.
    threshold = max(two for one, two, _ in sure.tolist() if one < two) - 1e-4
    classifier.until_sure = UntilSure(model, threshold)
    listener = WindowListener(classifier, plan)
    heard = listener.listen([Window(0, 0, wav, last=True) for wav in wavs])
    listener.replay([one for one in heard if one.first is not None])
    for wav, one in zip(wavs, heard):
        for replays in range(3):
            with torch.no_grad():
                output = model(wav.unsqueeze(0), replays=replays)
            said = output.logits.softmax(dim=1)
            if said.max() >= threshold or replays == 2:
                break
        evidence, times = step_evidence(
            model, output, classifier.to_probabilities
        )
        (expected,) = evidence_in_cells(evidence, times, listener.centres)
        assert np.allclose(one.evidence, expected, atol=1e-4)
        if replays:
            assert torch.allclose(
                one.replayed.probabilities[-1], said[0], atol=1e-4
            )
            assert one.replayed.segments == output.segments[0][:-1]
        assert one.first is None and (one.replayed is None) == (replays == 0)
        seen.add(replays)
    assert seen == {0, 1, 2}
