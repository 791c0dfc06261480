"""The models that are measured, and their input.

Authors
 * The speechbrain_pib developers 2026
"""

import torch

from speechbrain_pib.lobes.features import MultiHopFbank
from speechbrain_pib.lobes.models.latent_decoder import LatentDecoder
from speechbrain_pib.lobes.models.mvitv2 import MViTv2
from speechbrain_pib.lobes.models.playitback import PlayItBack
from speechbrain_pib.lobes.models.slot_attention import SlotSelector
from speechbrain_pib.utils.devices import computes_bfloat16

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def worth_measuring(precisions, device):
    """Leaves out what a device has no instructions for, and says so.

    Arguments
    ---------
    precisions : list of str
        Of "fp32" and "bf16".
    device : torch.device
        Where to compute.

    Returns
    -------
    precisions : list of str
        Those that are left.

    Raises
    ------
    SystemExit
        If none is left.
    """
    if "bf16" not in precisions or computes_bfloat16(device):
        return precisions
    line = (
        f"bf16 is left out: {device} has no instructions for it, a single "
        "product of matrices may take a minute"
    )
    left = [precision for precision in precisions if precision != "bf16"]
    if not left:
        raise SystemExit(line)
    print(line)
    return left


def build_model(variant, replays, **options):
    """Builds Play It Back as for VGG-Sound: 5 s at a hop of 12.5 ms.

    Arguments
    ---------
    variant : str
        Variant of MViTv2.
    replays : int
        Number of replays.
    **options : dict
        Of PlayItBack.

    Returns
    -------
    model : PlayItBack
    """
    torch.manual_seed(0)
    backbone = MViTv2(309, variant)
    return PlayItBack(
        MultiHopFbank(hop_length=200, n_frames=400),
        backbone,
        SlotSelector(backbone.output_size, slot_size=256),
        LatentDecoder(backbone.output_size, 309, num_passes=replays + 1),
        replays=replays,
        largest_share=0.2,
        **options,
    )


def noise(batch, model, device):
    """Clips of noise [batch, samples].

    Arguments
    ---------
    batch : int
        Number of clips.
    model : PlayItBack
        Whose crop length they have.
    device : torch.device
        Where they are wanted.

    Returns
    -------
    wavs : torch.Tensor
    """
    generator = torch.Generator().manual_seed(0)
    wavs = torch.randn(batch, model.fbank.n_samples, generator=generator)
    return (0.1 * wavs).to(device)


def autocast(device, precision):
    """The context in which a precision computes.

    Arguments
    ---------
    device : torch.device
        Where to compute.
    precision : str
        "fp32" or "bf16".

    Returns
    -------
    context : torch.autocast
    """
    return torch.autocast(
        device.type, DTYPES["bf16"], enabled=precision == "bf16"
    )
