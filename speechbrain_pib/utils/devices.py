"""Devices of this machine.

Authors
 * The speechbrain_pib developers 2026
"""

import logging

import torch

logger = logging.getLogger(__name__)


def check_device(name):
    """Raise if a device cannot be used here.

    Arguments
    ---------
    name : str
        Such as "cpu" or "cuda:0".

    Raises
    ------
    ValueError
        Says why not.

    Example
    -------
    >>> check_device("cpu")
    """
    try:
        torch.empty(0, device=name)
    except (AssertionError, RuntimeError) as error:
        # torch's lists of hints begin in the second line.
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"the device {name} cannot be used here ({reason}); cpu always can"
        ) from error


def computes_bfloat16(device):
    """Tell whether a device multiplies bfloat16 with instructions for it.

    Where it does not, products take many times as long as in float32: of two
    matrices of 2048 x 2048 a minute, on a processor with AVX2 alone.

    Arguments
    ---------
    device : str or torch.device
        Such as "cpu" or "cuda:0".

    Returns
    -------
    has_instructions : bool

    Example
    -------
    >>> computes_bfloat16("meta")
    True
    """
    device = torch.device(device)
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        # By this torch itself decides, on x86 and on ARM, whether oneDNN
        # multiplies bfloat16; a torch without oneDNN does not have it.
        query = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return query is not None and query()
    return True


def warn_of_slow_precision(precision, device):
    """Warn where a precision makes everything slower instead of faster.

    Arguments
    ---------
    precision : str
        "fp32", "fp16" or "bf16".
    device : str or torch.device
        Such as "cpu" or "cuda:0".

    Example
    -------
    >>> warn_of_slow_precision("fp32", "cpu")
    """
    if precision == "bf16" and not computes_bfloat16(device):
        logger.warning(
            "%s has no instructions for bfloat16: precision bf16 is many "
            "times slower there than fp32",
            device,
        )
