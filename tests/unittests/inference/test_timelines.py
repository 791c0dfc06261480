"""Time lines of recordings in which it is known what is to be heard when.

Authors
 * The speechbrain_pib developers 2026
"""

import shutil

import numpy as np
import pytest
import soundfile
import torch

from speechbrain_pib.dataio.timelines.settings import TimelineSettings
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.timelines import Timeline

RATE = 8000
TONES = {"low": 500, "high": 3000}


def recording(seconds, events):
    """Faint noise with tones: (label, start, stop) in seconds [samples]."""
    generator = torch.Generator().manual_seed(0)
    wav = 1e-4 * torch.randn(round(seconds * RATE), generator=generator)
    for label, start, stop in events:
        time = torch.arange(round(start * RATE), round(stop * RATE))
        wav[time] += 0.3 * torch.sin(2 * torch.pi * TONES[label] * time / RATE)
    return wav


def find(classifier, wav, block=8000, batch_size=4, live=False, **settings):
    """The time line of a recording that comes in blocks."""
    return Timeline(
        classifier,
        wav.split(block),
        TimelineSettings(**settings),
        batch_size,
        live,
    )


def spans(events):
    """Events without their scores."""
    return [(e.label, e.start, e.stop, e.confirmed) for e in events]


def test_events_are_found_with_their_times_and_classes(hear_tones):
    truth = [("low", 0.4, 0.7), ("high", 0.5, 3.1), ("low", 6.2, 6.3)]
    events = sorted(
        find(hear_tones(), recording(7.3, truth)), key=lambda e: e.start
    )
    assert [event.label for event in events] == [t[0] for t in truth]
    for event, (_, start, stop) in zip(events, truth):
        assert event.start == pytest.approx(start, abs=0.06)
        assert event.stop == pytest.approx(stop, abs=0.06)
        assert 0.8 < event.score <= 1
        assert event.confirmed == 1


@pytest.mark.parametrize("delay", [None, 0.8])
def test_an_event_at_every_phase_of_the_windows_is_found_once(
    hear_tones, delay
):
    classifier = hear_tones()
    for phase in np.arange(0, 0.5, 0.07):
        for duration in (0.15, 1.3):
            start = 0.8 + phase
            stop = start + duration
            wav = recording(3.3, [("low", start, stop)])
            (event,) = find(classifier, wav, delay=delay)
            assert event.start == pytest.approx(start, abs=0.06)
            assert event.stop == pytest.approx(stop, abs=0.06)


def test_events_touch_both_ends_of_a_recording(hear_tones):
    for seconds in (0.5, 1.0, 1.001, 2.237):
        wav = recording(seconds, [("low", 0.0, seconds)])
        (event,) = find(hear_tones(), wav)
        assert (event.start, event.stop) == (0.0, len(wav) / RATE)


@pytest.mark.parametrize(
    "delay, budget", [(None, None), (0.8, None), (None, 0.5)]
)
def test_blocks_and_batches_do_not_change_events(with_budgets, delay, budget):
    # A model that is not trained hears all kinds of things in noise.
    classifier = PlayItBackClassifier.from_hparams(
        with_budgets, budget=budget, run_opts={"device": "cpu"}
    )
    generator = torch.Generator().manual_seed(1)
    wav = 0.1 * torch.randn(6 * RATE + 77, generator=generator)
    wav *= torch.sin(torch.arange(len(wav)) / 4000) ** 2
    parts = find(classifier, wav, delay=delay).parts()
    evidence = np.concatenate([part.evidence for part in parts])
    limits = np.quantile(evidence, 0.8, axis=0).tolist()
    options = dict(
        threshold=dict(zip(classifier.labels, limits)),
        candidates=1.0,
        hysteresis=0.9,
        delay=delay,
    )
    expected = list(find(classifier, wav, **options))
    assert len(expected) > 2
    assert {event.confirmed for event in expected} >= {2}
    for block, batch_size, live in (
        (317, 3, True),
        (len(wav), 1, False),
        (20000, 16, False),
        (8000, 5, True),
    ):
        found = list(find(classifier, wav, block, batch_size, live, **options))
        assert spans(found) == spans(expected)
        for one, other in zip(found, expected):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_a_budget_leaves_out_what_a_window_that_is_sure_need_not_hear(
    with_budgets,
):
    wav = 0.1 * torch.randn(8 * RATE)
    wav *= torch.sin(torch.arange(len(wav)) / 4000) ** 2
    lines = {}
    for budget in (None, 1, 0.5, 0.4):
        classifier = PlayItBackClassifier.from_hparams(
            with_budgets, budget=budget, run_opts={"device": "cpu"}
        )
        line = find(classifier, wav, replays="all", threshold=0.1)
        lines[budget] = list(line), line.costs
    assert lines[1] == lines[None]
    (events, whole), (_, some), (_, none) = (
        lines[budget] for budget in (1, 0.5, 0.4)
    )
    assert events and whole.heard == [15, 15, 15]
    assert 15 > some.heard[1] >= some.heard[2] > 0
    assert none.heard == [15, 0, 0]
    assert none.gmacs < some.gmacs < whole.gmacs == some.gmacs_everywhere


def test_what_is_heard_in_one_part_does_not_depend_on_others(hear_tones):
    events = [("low", 2.1, 2.4)]
    alone = list(find(hear_tones(), recording(5, events)))
    others = [*events, ("high", 4.6, 4.9), ("low", 7.0, 8.0)]
    among = list(find(hear_tones(), recording(9, others)))
    assert spans(among)[0] == spans(alone)[0]
    assert among[0].score == pytest.approx(alone[0].score, abs=1e-4)


def test_candidates_alone_are_replayed_and_counted(hear_tones):
    wav = recording(20, [("low", 5.2, 5.4), ("high", 15, 15.5)])
    lines = {
        replays: find(hear_tones(3), wav, replays=replays)
        for replays in ("none", "candidates", "all")
    }
    events = {name: list(line) for name, line in lines.items()}
    costs = {name: line.costs for name, line in lines.items()}
    for name, confirmed in (("none", 0), ("candidates", 3), ("all", 3)):
        assert [event.confirmed for event in events[name]] == [confirmed] * 2
        assert costs[name].windows == 39  # of a second, every half
        assert costs[name].seconds == 20
    assert spans(events["candidates"]) == spans(events["all"])
    assert costs["none"].replayed == 0
    assert 2 <= costs["candidates"].replayed <= 6
    assert costs["all"].replayed == 39
    assert costs["all"].gmacs == costs["none"].gmacs_everywhere


def test_what_cannot_be_told_apart_yet_is_a_candidate(exported):
    classifier = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )
    wav = 0.1 * torch.randn(4 * RATE)
    parts = find(classifier, wav, replays="none").parts()
    evidence = np.concatenate([part.evidence for part in parts])
    # No class by itself has half of this; all of them together have.
    threshold = 2.5 * float(evidence.max())
    for exclusive in (True, False):
        line = find(classifier, wav, threshold=threshold, candidates=0.5)
        line.exclusive = exclusive
        list(line)
        assert line.heard[1] == exclusive * line.heard[0]


def test_costs_are_those_of_the_passes(exported):
    classifier = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )
    costs = find(classifier, recording(1, [])).costs
    listen, *replays = costs.gmacs_of_passes
    assert listen > 0
    # The decoder reads the passes, whose backbone costs most.
    assert replays == pytest.approx([listen, listen], rel=0.2)


def test_evidence_covers_the_recording_and_is_that_of_the_events(hear_tones):
    wav = recording(5.13, [("high", 2.0, 2.6)])
    parts = list(find(hear_tones(), wav).parts())
    assert parts[0].start == 0
    for part, following in zip(parts, parts[1:]):
        assert part.stop == pytest.approx(following.start)
    assert parts[-1].stop == pytest.approx(5.13, abs=0.02)
    evidence = np.concatenate([part.evidence for part in parts])
    (event,) = [event for part in parts for event in part.events]
    assert event.score == evidence[:, 1].max()
    assert evidence[:, 0].max() < 0.1
    replayed = [one for part in parts for one in part.replayed]
    for one in replayed:
        assert one.stop - one.start == pytest.approx(1.0)
        assert len(one.segments) == 1
        assert one.probabilities.shape == (2, 2)
        for start, stop in one.segments[0]:
            assert 1.9 < start < stop < 2.7


@pytest.mark.parametrize("delay", [0.5, 1.5])
def test_a_live_event_is_final_within_the_delay(hear_tones, delay):
    truth = [("low", 1 + 2.07 * n, 1.3 + 2.07 * n) for n in range(5)]
    wav, heard = recording(12, truth), 0

    def blocks():
        nonlocal heard
        for block in wav.split(160):
            heard += len(block)
            yield block

    settings = TimelineSettings(delay=delay)
    found = []
    for event in Timeline(hear_tones(), blocks(), settings, live=True):
        # A window is known not to be the last one with the next block.
        assert heard / RATE - event.stop <= delay + 0.04
        found.append(event)
    assert len(found) == 5


def test_a_backbone_alone_has_a_time_line(hear_tones):
    classifier = hear_tones(0, selects=False)
    line = find(classifier, recording(9, [("low", 5.2, 5.5)]))
    (event,) = line
    assert event.start == pytest.approx(5.2, abs=0.06)
    assert event.confirmed == line.costs.replayed == 0


def test_a_background_is_no_event(hear_tones):
    wav = recording(4, [("low", 1.0, 3.0), ("high", 2.0, 2.2)])
    (event,) = find(hear_tones(), wav, background=("low",))
    assert event.label == "high"


def test_a_sound_without_samples_has_no_events(hear_tones):
    assert list(find(hear_tones(), torch.zeros(0))) == []
    assert list(find(hear_tones(), torch.zeros(1))) == []


def test_a_file_at_another_rate_is_heard_in_its_own_time(hear_tones, tmp_path):
    path = tmp_path / "tones.wav"
    time = np.arange(30 * 22050) / 22050
    wav = 0.3 * np.sin(2 * np.pi * 500 * time) * ((time > 19.9) & (time < 20.3))
    soundfile.write(path, np.stack([wav, wav], axis=1), 22050)
    classifier = hear_tones()
    (event,) = classifier.timeline_file(path)
    assert event.start == pytest.approx(19.9, abs=0.06)
    assert event.stop == pytest.approx(20.3, abs=0.06)
    with pytest.raises(ValueError, match="no class owl; it has low, high"):
        list(classifier.timeline_file(path, threshold={"owl": 0.5}))


def test_the_folder_tells_what_makes_an_event(exported, tmp_path):
    shutil.copytree(exported.folder, tmp_path / "inference")
    path = tmp_path / "inference/hyperparams.yaml"
    text = path.read_text(encoding="utf-8")
    wav = 0.1 * torch.randn(2 * RATE)

    def highest(written, **settings):
        path.write_text(written, encoding="utf-8")
        classifier = PlayItBackClassifier.from_hparams(
            path.parent, run_opts={"device": "cpu"}
        )
        return find(classifier, wav, **settings).high.tolist()

    line = "event_threshold: 0.5 #"
    assert line in text
    assert highest(text.replace(line, "event_threshold: 0.3 #")) == [0.3] * 4
    assert highest(text, threshold=0.2) == [0.2] * 4
    older = "\n".join(x for x in text.splitlines() if line not in x)
    assert highest(older) == [0.5] * 4
