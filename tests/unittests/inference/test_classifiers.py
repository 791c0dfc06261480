"""PlayItBackClassifier against the model that was exported.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import shutil

import pytest
import soundfile
import torch
from speechbrain.dataio import audio_io
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.dataio.preprocess import AudioNormalizer
from speechbrain.inference import interfaces

from speechbrain_pib.dataio.audio.checks import UnreadableAudioError
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.listening import merge_segments

RATE = 8000


@pytest.fixture(scope="module")
def classifier(exported):
    """The exported model, loaded."""
    return PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )


def sound(seconds, seed=0, rate=RATE):
    """Noise whose loudness changes over time [samples]."""
    generator = torch.Generator().manual_seed(seed)
    wav = torch.randn(round(seconds * rate), generator=generator)
    time = torch.arange(len(wav)) / rate
    return 0.1 * wav * (0.1 + torch.sin(5 * time * (1 + seed)) ** 2)


def probabilities_by_hand(model, wav, starts):
    """Mean over windows of one second, with the model alone."""
    rows = []
    for start in starts:
        crop = wav[round(start * RATE) :][:RATE]
        length = torch.tensor([len(crop) / RATE])
        crop = torch.nn.functional.pad(crop, (0, RATE - len(crop)))
        with torch.no_grad():
            logits = model(crop.unsqueeze(0), length).logits[0]
        rows.append(logits.exp() / logits.exp().sum())
    return sum(rows) / len(rows)


@pytest.mark.parametrize(
    "seconds, starts",
    [
        (0.3, [0.0]),
        (1.0, [0.0]),
        (1.5, [0.0, 0.5]),
        (3.4, [0.0, 0.8, 1.6, 2.4]),
    ],
)
def test_probabilities_are_the_mean_over_uniform_windows(
    exported, classifier, seconds, starts
):
    wav = sound(seconds)
    expected = probabilities_by_hand(exported.model, wav, starts)
    out_prob, score, index, text_lab = classifier.classify_batch(wav[None])
    assert torch.allclose(out_prob[0], expected, atol=1e-5)
    assert score[0] == out_prob[0].max()
    assert text_lab == [exported.labels[int(expected.argmax())]]
    assert index.tolist() == [int(expected.argmax())]


def test_there_are_as_many_windows_as_views_at_least(
    exported, classifier, monkeypatch
):
    monkeypatch.setattr(classifier.hparams, "views", 4)
    heard = classifier.listen_batch(sound(1.3)[None])[0]
    starts = [start for start, _ in heard.windows]
    assert starts == pytest.approx([0.0, 0.1, 0.2, 0.3])
    expected = probabilities_by_hand(exported.model, sound(1.3), starts)
    assert torch.allclose(heard.probabilities, expected, atol=1e-5)


def test_loaded_model_gives_the_logits_of_the_exported_one(
    exported, classifier
):
    wavs = torch.stack([sound(1.0, seed) for seed in range(3)])
    with torch.no_grad():
        expected = exported.model(wavs).logits
        assert torch.equal(classifier.mods.model(wavs).logits, expected)
    assert expected.std(dim=0).min() > 1e-3, "the model ignores its input"


def test_embeddings_are_what_the_last_layer_classifies(exported, classifier):
    wavs = torch.stack([sound(1.0, seed) for seed in range(3)])
    embeddings = classifier.encode_batch(wavs)
    assert embeddings.shape == (3, 1, 16)
    with torch.no_grad():
        logits = exported.model.decoder.classifier(embeddings[:, 0])
        assert torch.allclose(logits, exported.model(wavs).logits, atol=1e-5)


def test_embeddings_are_the_mean_over_the_windows(exported, classifier):
    wav = sound(1.5)
    windows = torch.stack([wav[:RATE], wav[RATE // 2 :]])
    with torch.no_grad():
        expected = exported.model(windows).embeddings.mean(dim=0)
    embeddings = classifier.encode_batch(wav[None])[0, 0]
    assert torch.allclose(embeddings, expected, atol=1e-5)


def test_windows_end_with_the_recording(classifier):
    assert classifier.listen_batch(sound(0.3)[None])[0].windows == [(0.0, 0.3)]


def test_rows_do_not_depend_on_their_batch(classifier):
    seconds = [3.1, 0.2, 1.0, 2.0]
    clips = [sound(s, seed) for seed, s in enumerate(seconds)]
    wavs = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    wavs[1, len(clips[1]) :] = 1.0  # padding is not heard, whatever is in it
    lengths = torch.tensor(seconds) / max(seconds)
    together = classifier.listen_batch(wavs, lengths)
    for clip, heard in zip(clips, together):
        alone = classifier.listen_batch(clip)[0]
        assert torch.allclose(
            heard.probabilities, alone.probabilities, atol=1e-5
        )
        assert heard.segments == alone.segments
        assert heard.windows == alone.windows
    out_prob, _, _, _ = classifier(wavs, lengths)
    assert torch.allclose(out_prob[0], together[0].probabilities)


def test_files_of_any_rate_and_channels(classifier, tmp_path):
    path = tmp_path / "stereo.wav"
    left, right = sound(2.5, 1, 44100), sound(2.5, 2, 44100)
    audio_io.save(path, torch.stack([left, right]), 44100, subtype="FLOAT")
    mono = AudioNormalizer(RATE)((left + right) / 2, 44100)
    expected = classifier.classify_batch(mono)
    out_prob, score, index, text_lab = classifier.classify_file(path)
    assert out_prob.shape == (1, 4)
    # Windows are resampled one by one, so a few samples at edges differ.
    assert torch.allclose(out_prob, expected[0], atol=2e-2)
    again = classifier.classify_file(str(path))
    assert torch.equal(again[0], out_prob)
    assert (again[3], again[2]) == (text_lab, index)


def test_a_file_at_the_rate_of_the_model_is_heard_as_from_memory(
    classifier, tmp_path
):
    for seconds in (1 / RATE, 0.3, 1.0, 23.3):
        wav = sound(seconds)
        audio_io.save(tmp_path / "a.wav", wav, RATE, subtype="FLOAT")
        from_file = classifier.listen_file(tmp_path / "a.wav")
        from_memory = classifier.listen_batch(wav)[0]
        assert from_file.windows == from_memory.windows
        assert from_file.segments == from_memory.segments
        assert torch.allclose(
            from_file.probabilities, from_memory.probabilities, atol=1e-6
        )


def test_windows_cover_a_long_recording_in_bounded_batches(
    classifier, monkeypatch
):
    sizes = []
    model = classifier.mods.model
    hook = model.register_forward_pre_hook(
        lambda module, inputs: sizes.append(len(inputs[0]))
    )
    heard = classifier.listen_batch(sound(40.7))[0]
    hook.remove()
    assert len(heard.windows) == sum(sizes) == 41
    assert max(sizes) <= 16
    assert heard.windows[0][0] == 0
    assert heard.windows[-1][1] == pytest.approx(40.7)
    for before, after in zip(heard.windows, heard.windows[1:]):
        assert after[0] <= before[1]
    mean = heard.window_probabilities.mean(dim=0)
    assert torch.allclose(heard.probabilities, mean)


@pytest.mark.parametrize("replay", [0, 1])
def test_segments_are_those_of_the_model_in_time_of_the_recording(
    exported, classifier, replay
):
    wav = sound(2.7, seed=3)
    heard = classifier.listen_batch(wav)[0]
    assert len(heard.segments) == 2, "two replays"
    assert heard.segments[replay], "nothing was selected; take another sound"
    moments = torch.zeros(2700, dtype=torch.bool)
    for start, _ in heard.windows:
        crop = wav[round(start * RATE) :][:RATE]
        with torch.no_grad():
            mask = exported.model(crop[None]).masks[0, replay]
        for frame in mask.nonzero().flatten().tolist():
            begin = max(start + (frame - 0.5) * 0.01, start)
            moments[round(begin * 1e3) : round((begin + 0.01) * 1e3)] = True
    replayed = torch.zeros_like(moments)
    for start, stop in heard.segments[replay]:
        replayed[round(start * 1e3) : round(stop * 1e3)] = True
    # Rounding to milliseconds, and the first frame of a window is half one.
    assert (moments != replayed).sum() <= 6 * len(heard.windows)


@pytest.mark.parametrize("seconds", [0.053, 0.334, 0.707, 1.0, 5.3])
def test_segments_are_in_order_and_within_the_recording(classifier, seconds):
    for seed in range(8):
        heard = classifier.listen_batch(sound(seconds, seed))[0]
        for replay in heard.segments:
            times = [time for segment in replay for time in segment]
            assert times == sorted(times)
            assert all(0 <= time <= seconds for time in times)


def test_overlapping_segments_are_joined():
    segments = [(2.0, 3.0), (0.0, 1.0), (0.2, 0.4), (1.0, 1.5), (4.0, 5.0)]
    assert merge_segments(segments) == [(0.0, 1.5), (2.0, 3.0), (4.0, 5.0)]


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_silence_and_constants_are_classified(classifier, value):
    out_prob, _, _, _ = classifier.classify_batch(torch.full((2, 9999), value))
    assert torch.allclose(out_prob.sum(dim=1), torch.ones(2))


def test_independent_classes(exported, classifier):
    several = PlayItBackClassifier.from_hparams(
        exported.folder,
        overrides={"multi_label": True},
        run_opts={"device": "cpu"},
    )
    wav = sound(1.0)
    with torch.no_grad():
        logits = exported.model(wav[None]).logits
    expected = 1 / (1 + (-logits).exp())
    assert torch.allclose(several.classify_batch(wav)[0], expected, atol=1e-6)


def test_tasks_that_share_a_head_are_decided_apart(exported):
    two = PlayItBackClassifier.from_hparams(
        exported.folder,
        overrides={"tasks": [1, 3]},
        run_opts={"device": "cpu"},
    )
    wav = sound(1.0)
    with torch.no_grad():
        logits = exported.model(wav[None]).logits[0]
    second = (logits[1:] - logits[1:].logsumexp(0)).exp()
    out_prob, score, index, text_lab = two.classify_batch(wav)
    assert torch.allclose(out_prob[0, 1:], second, atol=1e-6)
    assert out_prob[0, 0] == 1.0
    best = 1 + int(second.argmax())
    assert index.tolist() == [[0, best]]
    assert score.item() == pytest.approx(second.max().item(), rel=1e-5)
    assert text_lab == [f"{exported.labels[0]}|{exported.labels[best]}"]


def test_lower_precision_is_honoured(exported, classifier):
    rough = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu", "precision": "bf16"}
    )
    wav = sound(1.0)
    expected, out_prob = classifier(wav)[0], rough(wav)[0]
    assert out_prob.dtype == torch.float32
    assert not torch.equal(out_prob, expected)
    assert torch.allclose(out_prob, expected, atol=0.1)


def test_wrong_waveforms_are_errors(classifier):
    good = sound(1.0)[None]
    for bad, message in [
        (torch.zeros(2, 1, 100), r"\[2, 1, 100\]"),
        (torch.zeros(2, 0), r"\[2, 0\]"),
        (torch.zeros(0, 100), r"\[0, 100\]"),
        (torch.zeros(1, 100, dtype=torch.int16), "int16"),
        (torch.stack([good[0], good[0] / 0]), "waveform 1 .* NaN"),
        (good * 1e38, "waveform 0 .* full scale"),
        (good * 32768, "waveform 0 .* not divided"),
    ]:
        with pytest.raises(ValueError, match=message):
            classifier.classify_batch(bad)
    for lengths in ([1.0, 1.0], [0.0], [1.1], [float("nan")]):
        with pytest.raises(ValueError, match="relative lengths"):
            classifier.classify_batch(good, torch.tensor(lengths))


def test_unreadable_files_are_errors_that_name_them(classifier, tmp_path):
    audio_io.save(tmp_path / "nan.wav", sound(1.0) / 0, RATE, subtype="FLOAT")
    audio_io.save(tmp_path / "empty.wav", torch.zeros(1, 0), RATE)
    (tmp_path / "text.wav").write_text("no sound")
    for name in ("nan.wav", "empty.wav", "text.wav", "missing.wav"):
        with pytest.raises(UnreadableAudioError, match=name):
            classifier.classify_file(tmp_path / name)


def damaged(exported, tmp_path, change):
    """A copy of the folder with other weights."""
    folder = tmp_path / "damaged"
    shutil.copytree(exported.folder, folder)
    state = torch.load(folder / "model.ckpt", weights_only=True)
    change(state)
    torch.save(state, folder / "model.ckpt")
    return folder


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("decoder.latents"), "missing decoder.latents"),
        (lambda s: s.update(ghost=torch.ones(1)), "unknown ghost"),
        (
            lambda s: s.update({"decoder.latents": torch.ones(4, 3)}),
            r"decoder.latents is \[4, 3\], not \[4, 16\]",
        ),
    ],
)
def test_weights_that_do_not_match_are_errors(
    exported, tmp_path, change, message
):
    folder = damaged(exported, tmp_path, change)
    with pytest.raises(ValueError, match=f"model.ckpt .*{message}"):
        PlayItBackClassifier.from_hparams(folder)


def test_labels_that_do_not_match_are_an_error(exported, tmp_path):
    folder = tmp_path / "inference"
    shutil.copytree(exported.folder, folder)
    label_encoder = CategoricalEncoder()
    label_encoder.update_from_iterable(["bark", "meow"])
    label_encoder.save(folder / "label_encoder.ckpt")
    with pytest.raises(ValueError, match="2 labels, the model 4 classes"):
        PlayItBackClassifier.from_hparams(folder)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    for source in ("inference", "results/pib", tmp_path / "none", "a/b/c"):
        with pytest.raises(FileNotFoundError, match="there is no folder"):
            PlayItBackClassifier.from_hparams(source)


def test_a_name_that_is_not_on_the_hub_is_an_error(monkeypatch):
    def fail(**_):
        raise OSError("no connection")

    monkeypatch.setattr(interfaces, "fetch", fail)
    with pytest.raises(
        FileNotFoundError, match="no folder some/where, .* no connection"
    ):
        PlayItBackClassifier.from_hparams("some/where")


@pytest.mark.parametrize(
    "name", ["hyperparams.yaml", "model.ckpt", "label_encoder.ckpt"]
)
def test_a_missing_file_is_an_error_that_names_it(exported, tmp_path, name):
    folder = tmp_path / "inference"
    shutil.copytree(exported.folder, folder)
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        PlayItBackClassifier.from_hparams(folder)


def test_results_are_the_same_on_every_device(exported, classifier, device):
    elsewhere = PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": device}
    )
    wavs = torch.stack([sound(1.7, seed) for seed in range(2)])
    expected = classifier.classify_batch(wavs)
    lengths = torch.ones(2)
    out_prob, score, index, text_lab = elsewhere(wavs.to(device), lengths)
    assert out_prob.device.type == torch.device(device).type
    assert torch.allclose(out_prob.cpu(), expected[0], atol=1e-3)
    assert text_lab == expected[3]


@pytest.mark.parametrize(
    "line, wrong, message",
    [
        ("views: 2", "views: null", "views is None, not 1, 2, 3"),
        ("tasks: null", "tasks: [1, 2]", "tasks have 3 classes, the model 4"),
    ],
)
def test_settings_that_cannot_be_are_errors_at_once(
    exported, tmp_path, line, wrong, message
):
    folder = shutil.copytree(exported.folder, tmp_path / "folder")
    path = folder / "hyperparams.yaml"
    text = path.read_text()
    assert f"\n{line}" in text
    path.write_text(text.replace(line, wrong))
    with pytest.raises(ValueError, match=message):
        PlayItBackClassifier.from_hparams(str(folder))


def test_a_wrong_sample_rate_is_an_error(exported):
    with pytest.raises(ValueError, match="16000, .* built for 8000"):
        PlayItBackClassifier.from_hparams(
            exported.folder,
            overrides={"sample_rate": 16000},
        )


def test_real_recordings_are_classified(classifier, shared):
    paths = sorted((shared / "data" / "audio_samples").glob("*.wav"))
    assert len(paths) == 6
    for path in paths:
        heard = classifier.listen_file(path)
        info = soundfile.info(path)
        assert heard.windows[-1][1] == pytest.approx(info.duration, abs=0.01)
        assert heard.probabilities.sum().item() == pytest.approx(1.0)
        assert len(heard.segments) == classifier.mods.model.replays


def test_slow_bfloat16_is_warned_of(exported, monkeypatch, caplog):
    monkeypatch.setattr(
        torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False
    )
    for precision in ("fp32", "bf16"):
        caplog.clear()
        PlayItBackClassifier.from_hparams(
            exported.folder, run_opts={"device": "cpu", "precision": precision}
        )
        warned = "cpu has no instructions for bfloat16" in caplog.text
        assert warned is (precision == "bf16")


def load_with(budget, folder):
    """Load a folder with a budget."""
    return PlayItBackClassifier.from_hparams(
        folder, budget=budget, run_opts={"device": "cpu"}
    )


def test_the_full_budget_changes_nothing(with_budgets, classifier):
    wavs = torch.stack([sound(2.4, seed) for seed in range(3)])
    expected = classifier.classify_batch(wavs)[0]
    heard = load_with(1, with_budgets).classify_batch(wavs)[0]
    torch.testing.assert_close(heard, expected)


def test_a_single_pass_replays_nothing(with_budgets, exported):
    heard = load_with("0.4", with_budgets).listen_batch(sound(1.0))[0]
    assert heard.segments == [[], []]
    with torch.no_grad():
        first = exported.model(sound(1.0).unsqueeze(0)).pass_logits[0, 0]
    torch.testing.assert_close(heard.probabilities, first.softmax(dim=0))


def test_windows_that_are_sure_are_left(with_budgets, classifier):
    """Those of which some pass gives a class the probability of the table."""
    limited = load_with("1.6GMAC", with_budgets)
    table = json.loads((with_budgets / "budget.json").read_text())
    for seed in range(4):
        wav = sound(1.0, seed)
        with torch.no_grad():
            output = classifier.mods.model(wav.unsqueeze(0))
        said = [*output.pass_logits[0, :2], output.logits[0]]
        said = [logits.softmax(dim=0) for logits in said]
        expected = next(
            (p for p in said if p.max() >= table["thresholds"][1]), said[-1]
        )
        heard = limited.listen_batch(wav)[0].probabilities
        torch.testing.assert_close(heard, expected)


def test_a_folder_without_budgets_is_an_error(exported, with_budgets):
    with pytest.raises(FileNotFoundError, match="has no budget.json"):
        load_with(0.5, exported.folder)
    with pytest.raises(ValueError, match="less than a single pass"):
        load_with(0.1, with_budgets)
    (with_budgets / "budget.json").write_text("{}")
    with pytest.raises(ValueError, match="budget.json of .* is damaged"):
        load_with(0.5, with_budgets)
