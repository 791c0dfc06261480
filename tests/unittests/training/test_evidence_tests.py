"""The threshold that a validation set tells, against numpy's interpolation.

Authors
 * The speechbrain_pib developers 2026
"""

from types import SimpleNamespace

import numpy as np
import torch

from speechbrain_pib.evaluation.thresholds import find_threshold
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.nnet.losses import PlayItBackLoss
from speechbrain_pib.training.evidence_tests import CELLS, EvidenceTest

VIEWS, CLIPS, SAMPLES = 2, 3, 3840


def data(values):
    """A tensor as a batch holds it."""
    return SimpleNamespace(data=values)


def test_the_most_evidence_of_any_view_counts_of_clips_that_can_be_read():
    fbank = MultiHopFbank(hop_length=80, n_frames=48, n_mels=16, n_fft=512)
    backbone = ConvNet(CLIPS, channels=[8, 8], dropout=0.0)
    model, loss = PlayItBack(fbank, backbone).eval(), PlayItBackLoss()
    test, evidence, targets = EvidenceTest(model, loss), [], []
    for number in range(4):
        wavs = torch.logspace(-4, 0, CLIPS * VIEWS).unsqueeze(1)
        wavs = wavs * torch.randn(CLIPS * VIEWS, SAMPLES)
        target = torch.eye(CLIPS)[torch.randperm(CLIPS)]
        readable = torch.tensor([[True], [number > 0], [True]])
        batch = SimpleNamespace(
            id=[f"{number} {clip}" for clip in range(CLIPS)],
            wavs=data(wavs.unflatten(0, (CLIPS, VIEWS))),
            target=data(target),
            readable=data(readable),
        )
        with torch.no_grad():
            output = model(wavs)
            steps = backbone.forward_head(output.grids[0].mean(dim=2))
            test.append(output, batch)
        times = 80 * backbone.token_positions(48).numpy()
        cells = (np.arange(CELLS) + 0.5) * SAMPLES / CELLS
        most = [
            [np.interp(cells, times, one).max() for one in view.T]
            for view in steps.softmax(dim=2).numpy()
        ]
        most = np.reshape(most, (CLIPS, VIEWS, CLIPS)).max(axis=1)
        evidence += list(most[readable[:, 0].numpy()])
        targets += list(target[readable[:, 0]].numpy())
    expected = find_threshold(np.array(evidence), np.array(targets))
    assert abs(test.solve() - expected) < 1e-5
