"""Exported files give what the model gives, on ordinary and odd sounds."""

import json
import sys

import pytest
import torch
from speechbrain.dataio.encoder import CategoricalEncoder

from speechbrain_pib.dataio.audio.crops import read_segment, stack_segments
from speechbrain_pib.inference import export_graph
from speechbrain_pib.inference.classifiers import PlayItBackClassifier
from speechbrain_pib.inference.onnx_classifier import OnnxClassifier
from speechbrain_pib.inference.window_metadata import OUTPUTS, WindowMetadata
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.convnet import ConvNet
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from tests.backbones import CASES, CLASSES
from tests.helpers import ROOT

RATE = 8000


@pytest.fixture(scope="module")
def transformer(exported):
    """The tiny MViTv2 with two replays of a recipe."""
    return PlayItBackClassifier.from_hparams(
        exported.folder, run_opts={"device": "cpu"}
    )


def make_classifier(model, labels=("bark", "meow", "rain")):
    """A classifier of several labels."""
    label_encoder = CategoricalEncoder()
    label_encoder.update_from_iterable(labels)
    return PlayItBackClassifier(
        modules={"model": model.eval()},
        hparams={
            "sample_rate": RATE,
            "views": 3,
            "multi_label": True,
            "tasks": None,
            "label_encoder": label_encoder,
        },
        run_opts={"device": "cpu"},
    )


def trained(model):
    """With weights that are far from each other, as after a training."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def make_fbank(hop_length, n_frames, **options):
    """A small front end."""
    return MultiHopFbank(
        hop_length,
        n_frames,
        sample_rate=RATE,
        n_fft=256,
        win_length=160,
        **{"n_mels": 16, **options},
    )


@pytest.fixture(scope="module")
def convnet():
    """A ConvNet whose windows follow the hop, and that hears several labels."""
    torch.manual_seed(0)
    model = PlayItBack(
        make_fbank(80, 100, win_hops=4.0, subtract_mean=True),
        ConvNet(3, channels=(8, 16)),
        SlotSelector(16, slot_size=8),
        LatentDecoder(
            16,
            3,
            2,
            num_latents=4,
            latent_size=16,
            latent_heads=2,
            head_size=8,
        ),
        replays=1,
        refinement=3,
        largest_share=0.2,
    )
    return make_classifier(trained(model))


@pytest.fixture(scope="module")
def two_encoders():
    """A skim by a ConvNet, and two replays by a finer front end and a
    larger one."""
    torch.manual_seed(0)
    model = PlayItBack(
        make_fbank(160, 50),
        ConvNet(3, channels=(8, 8)),
        SlotSelector(8, slot_size=8),
        LatentDecoder(
            8,
            3,
            3,
            replay_input_size=16,
            num_latents=4,
            latent_size=16,
            latent_heads=2,
            head_size=8,
        ),
        replays=2,
        largest_share=0.2,
        replay_fbank=make_fbank(40, 200, n_mels=24),
        replay_backbone=ConvNet(3, channels=(8, 16)),
    )
    return make_classifier(trained(model))


def odd_windows():
    """Silence, clipping, a constant, a click, noise that swells, and short
    clips of it that are padded."""
    noise = torch.randn(9, RATE) * torch.linspace(0.5, 20, 9).unsqueeze(1)
    time = torch.arange(RATE) / RATE
    swells = 0.1 * noise * torch.sin(12 * time * torch.rand(9, 1)) ** 2
    click = torch.zeros(RATE)
    click[3000] = 1.0
    windows = [
        torch.zeros(RATE),
        torch.full((RATE,), 0.5),
        click,
        (10 * noise[0]).clamp(-1, 1),
        *swells.clamp(-1, 1),
        noise[1, :4000] / 10,
        noise[2, :81] / 10,
        noise[3, :1],
    ]
    return stack_segments(windows, RATE)


def check_parity(classifier, run, wavs, lengths):
    """Compare with the model, one by one and in fives."""
    for size in (1, 5):
        for first in range(0, len(wavs), size):
            rows = slice(first, first + size)
            given = wavs[rows], lengths[rows]
            with torch.no_grad():
                model = classifier.mods.model(*given)
                found = [torch.as_tensor(output) for output in run(*given)]
            assert torch.equal(found[2], model.masks)
            for tensor, logits in (
                (found[0], model.logits),
                (found[1], model.pass_logits),
            ):
                expected = classifier.to_probabilities(logits)
                assert tensor.shape == expected.shape
                assert (tensor - expected).abs().max() < 1e-4


@pytest.mark.parametrize("kind", ["transformer", "convnet", "two_encoders"])
def test_the_graph_gives_what_the_model_gives(kind, request):
    classifier = request.getfixturevalue(kind)
    hparams = classifier.hparams
    graph = export_graph.WindowGraph(
        classifier.mods.model, hparams.multi_label, hparams.tasks
    )
    wavs, lengths = odd_windows()
    check_parity(classifier, graph, wavs, lengths)
    with torch.no_grad():
        masks = graph(wavs, lengths)[2]
    assert masks.any(dim=2)[4:].float().mean() > 0.5, "nothing is selected"


def test_a_backbone_alone_selects_nothing(convnet):
    model = convnet.mods.model
    alone = PlayItBack(model.fbank, model.backbone).eval()
    graph = export_graph.WindowGraph(alone, False, None)
    segments = graph(torch.zeros(2, RATE), torch.ones(2))[2]
    assert segments.shape == (2, 1, 100) and not segments.any()


def test_tasks_that_share_a_head_sum_to_one_each(convnet):
    graph = export_graph.WindowGraph(convnet.mods.model, False, [1, 2])
    with torch.no_grad():
        fused, passes, *_ = graph(torch.zeros(2, RATE), torch.ones(2))
    assert torch.allclose(fused[:, 0], torch.ones(2))
    assert torch.allclose(passes[..., 1:].sum(dim=-1), torch.ones(2, 2))


def test_a_model_that_cannot_be_exported_is_one_line(
    convnet, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise TypeError("\nNo such operator.\nA page of advice")

    monkeypatch.setattr(torch.export, "export", fail)
    for export in (export_graph.export_onnx, export_graph.export_pt2):
        with pytest.raises(
            ValueError, match="with ConvNet: TypeError: No such operator.$"
        ):
            export(convnet, tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_a_line_says_what_to_install(
    convnet, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match="pip install onnx onnxscript"):
        export_graph.export_onnx(convnet, tmp_path / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["transformer", "convnet", "two_encoders"])
def test_onnx_files_give_what_the_model_gives(kind, request, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    classifier = request.getfixturevalue(kind)
    path = tmp_path / "model.onnx"
    export_graph.export_onnx(classifier, path, "mit")
    assert str(ROOT).encode() not in path.read_bytes(), "it names folders"
    loaded = OnnxClassifier(path)
    assert loaded.metadata == export_graph.describe_windows(classifier, "mit")

    def run(wavs, lengths):
        return loaded.run(wavs, lengths).values()

    check_parity(classifier, run, *odd_windows())
    graph = export_graph.WindowGraph(
        classifier.mods.model, classifier.hparams.multi_label, None
    )
    windows = odd_windows()
    with torch.no_grad():
        expected = graph(*windows)
    for name, value in zip(OUTPUTS, expected):
        found = loaded.run(*windows)[name]
        torch.testing.assert_close(found, value, atol=1e-3, rtol=1e-4)
    recordings = request.config.rootpath / "../shared/data/audio_samples"
    clips = [
        read_segment(path, start, 1.0, RATE)
        for path in sorted(recordings.glob("*.wav"))
        for start in range(5)
    ]
    if clips:  # There are none beside a clone.
        check_parity(classifier, run, *stack_segments(clips, RATE))
    # Of any length, as the folder does it.
    wav = 0.1 * torch.randn(1, 20000)
    expected = classifier.listen_batch(wav)[0]
    heard = loaded.listen_batch(wav)[0]
    assert heard.segments == expected.segments
    assert torch.allclose(
        heard.probabilities, expected.probabilities, atol=1e-4
    )
    assert torch.allclose(heard.embedding, expected.embedding, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_backbone_is_one_onnx_file(name, tmp_path):
    """A single pass of it: replays are the same code for all, and slow to
    export."""
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    case = CASES[name]
    fbank = make_fbank(40, 200, n_mels=case.n_mels)
    model = PlayItBack(fbank, case.build())
    classifier = make_classifier(model, labels=range(CLASSES))
    export_graph.export_onnx(classifier, tmp_path / "model.onnx")
    loaded = OnnxClassifier(tmp_path / "model.onnx")
    # Of a constant most bands are rounding noise, which some amplify.
    wavs, lengths = (of_all[2:] for of_all in odd_windows())
    for rows in (slice(0, 1), slice(0, 5), slice(5, 14)):
        with torch.no_grad():
            expected = model(wavs[rows], lengths[rows]).logits
        torch.testing.assert_close(
            loaded.run(wavs[rows], lengths[rows])["probabilities"],
            classifier.to_probabilities(expected),
            atol=1e-4,
            rtol=0,
        )


@pytest.mark.slow
def test_pt2_files_give_what_the_model_gives(convnet, tmp_path):
    path = tmp_path / "model.pt2"
    export_graph.export_pt2(convnet, path, "mit")
    assert str(ROOT).encode() not in path.read_bytes(), "it names folders"
    properties = dict.fromkeys(("format", *WindowMetadata._fields), "")
    program = torch.export.load(path, extra_files=properties)
    metadata = WindowMetadata.from_properties(properties)
    assert metadata == export_graph.describe_windows(convnet, "mit")
    assert json.loads(properties["labels"]) == ["bark", "meow", "rain"]
    check_parity(convnet, program.module(), *odd_windows())
