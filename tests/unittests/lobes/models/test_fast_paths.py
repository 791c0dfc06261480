"""What makes the model fast leaves its numbers alone: fused attention and
pooling, checkpointing, compilation, and no waiting for the host."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._dynamo import config as dynamo_config
from torch._dynamo.utils import counters
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorMode,
)

from speechbrain_pib.augment.spec_augment import SpecAugment
from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.nnet.losses import PlayItBackLoss

HOP, FRAMES, CLASSES = 200, 64, 5
BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def build(replays=2, **options):
    """A small model with everything that is random in training."""
    torch.manual_seed(0)
    backbone = MViTv2(CLASSES, embed_dim=8, depths=[1, 2], drop_path=0.3)
    decoder = LatentDecoder(
        backbone.output_size,
        CLASSES,
        replays + 1,
        num_latents=4,
        latent_size=16,
        latent_heads=2,
        head_size=8,
        self_blocks=1,
    )
    return PlayItBack(
        MultiHopFbank(HOP, FRAMES, n_mels=32, win_length=800, win_hops=4),
        backbone,
        SlotSelector(backbone.output_size, slot_size=16),
        decoder,
        replays=replays,
        largest_share=0.2,
        augment=SpecAugment(2, 10, 2, 8),
        **options,
    )


def noise(batch=2, device="cpu"):
    """Clips of noise."""
    generator = torch.Generator().manual_seed(1)
    wavs = torch.randn(batch, HOP * FRAMES, generator=generator)
    return wavs.to(device)


@pytest.fixture(scope="module")
def baseline():
    """The functions and classes of the benchmarks' baseline."""
    return runpy.run_path(str(BENCHMARKS / "baseline.py"))


def test_fused_attention_and_pooling_equal_the_steps(baseline, device):
    # Strides of queries and keys that agree, and that do not.
    backbone = MViTv2(CLASSES, "nano", embed_dim=16).to(device).eval()
    strides = {
        block.attn.pool_q.stride == block.attn.pool_k.stride
        for block in backbone.blocks
    }
    assert strides == {True, False}
    log_mel = torch.randn(2, 100, 64, device=device)
    grid, logits = backbone(log_mel)
    step_grid, step_logits = baseline["unfused"](backbone)(log_mel)
    assert (grid - step_grid).abs().max() < 1e-5
    assert (logits - step_logits).abs().max() < 1e-5

    decoder = LatentDecoder(8, CLASSES, 2, num_latents=6, latent_size=16)
    decoder.to(device).eval()
    grids = torch.randn(2, 2, 5, 3, 8, device=device)
    steps = baseline["unfused"](decoder)(grids)
    for fused, stepwise in zip(decoder(grids), steps):
        assert (fused - stepwise).abs().max() < 1e-5


def test_gradients_of_fused_pooling_equal_the_steps(baseline):
    backbone = MViTv2(CLASSES, embed_dim=8, depths=[1, 2], drop_path=0.0)
    backbone.eval()
    stepwise = baseline["unfused"](backbone)
    log_mel = torch.randn(2, 64, 32)
    for module in (backbone, stepwise):
        module(log_mel)[1].square().sum().backward()
    gradients = zip(backbone.named_parameters(), stepwise.parameters())
    for (name, fused), reference in gradients:
        difference = (fused.grad - reference.grad).norm()
        assert difference < 1e-4 * reference.grad.norm() + 1e-7, name


@pytest.mark.parametrize("refinement", [1, 2, 4])
def test_frames_equal_those_of_full_spectrograms(baseline, refinement):
    """At hops that the published code does not round."""
    fbank = MultiHopFbank(HOP, FRAMES)
    published = baseline["PublishedFbank"](HOP, FRAMES)
    centres = fbank.uniform_centres(refinement)
    difference = fbank(noise(), centres) - published(noise(), centres)
    assert difference.abs().max() < 1e-4


def test_bfloat16_backbone_stays_close_to_float32(device):
    # Many logits: a norm of few numbers differs from draw to draw.
    backbone = MViTv2(100, "T", embed_dim=32).to(device).eval()
    log_mel = torch.randn(8, 100, 64, device=device)
    with torch.no_grad():
        exact = backbone(log_mel)[1]
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            rough = backbone(log_mel)[1].float()
    assert (rough - exact).norm() / exact.norm() < 2e-2


@pytest.mark.parametrize("freeze_backbone", [False, True])
def test_checkpointing_keeps_less_and_has_the_same_gradients(
    freeze_backbone, device
):
    gradients, kept = [], []
    for checkpointing in (False, True):
        model = build(
            freeze_backbone=freeze_backbone,
            checkpoint_activations=checkpointing,
        )
        model.to(device).train()
        sizes = []

        def pack(tensor, sizes=sizes):
            sizes.append(tensor.numel())
            return tensor

        torch.manual_seed(2)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            output = model(noise(device=device))
        kept.append(sum(sizes))
        targets = torch.eye(CLASSES, device=device)[:2]
        PlayItBackLoss()(output, targets)["loss"].backward()
        gradients.append(
            {
                name: parameter.grad
                for name, parameter in model.named_parameters()
                if parameter.requires_grad
            }
        )
    assert kept[1] < 0.7 * kept[0]
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradients[1][name], gradient, atol=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "training, checkpointing", [(False, False), (True, False), (True, True)]
)
def test_the_forward_is_one_graph_compiled_once(training, checkpointing):
    model = build(1, checkpoint_activations=checkpointing).train(training)
    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    outputs = []
    for call in range(3):
        with (
            torch.set_grad_enabled(training),
            dynamo_config.patch(error_on_recompile=call > 0),
        ):
            outputs.append(compiled(noise() * (call + 1)))
        if training:
            outputs[-1].logits.sum().backward()
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    if not training:
        difference = outputs[0].logits - model(noise()).logits
        assert difference.abs().max() < 1e-5


@pytest.mark.parametrize("training", [False, True])
def test_the_forward_reads_no_value_of_a_tensor(training):
    """A fake tensor has none: reading one is an error."""
    model = build().train(training)
    with FakeTensorMode(allow_non_fake_inputs=True):
        lengths = torch.rand(2)
        output = model(torch.randn(2, HOP * FRAMES), lengths)
        assert output.logits.shape == (2, CLASSES)
        with pytest.raises(DataDependentOutputException):
            output.logits.sum().item()


@pytest.mark.parametrize("training", [False, True])
def test_the_forward_never_waits_for_the_gpu(training, device):
    if torch.device(device).type != "cuda":
        pytest.skip("needs --device cuda")
    model = build().to(device).train(training)
    wavs, lengths = noise(device=device), torch.ones(2, device=device)
    model(wavs, lengths)
    torch.cuda.set_sync_debug_mode("error")
    try:
        output = model(wavs, lengths)
        if training:
            output.logits.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.slow
def test_lobes_need_only_torch_and_torchaudio():
    absent = ("speechbrain", "hyperpyyaml", "librosa", "soundfile")
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules.update(dict.fromkeys({absent})); "
            f"sys.path[:0] = [{str(BENCHMARKS)!r}]; import throughput",
        ],
        cwd=BENCHMARKS.parents[1],
        env={"PYTHONPATH": "."},
        check=True,
    )
