"""Operators of torch that its ONNX export has no translation for.

Needs onnxscript, of the extra `onnx`.

Authors
 * The speechbrain_pib developers 2026
"""

import torch


def searchsorted(
    sequence,
    values,
    out_int32=False,
    right=False,
    side=None,
    sorter=None,
):
    """Counts how many of an increasing sequence come before each value.

    Arguments
    ---------
    sequence : onnxscript tensor
        Increasing along the last dimension [..., n].
    values : onnxscript tensor
        [..., m].
    out_int32 : bool
        Not used, as the last two: the package calls it without them.
    right : bool
        Whether what equals a value comes before it.
    side : str
        Not used.
    sorter : onnxscript tensor
        Not used.

    Returns
    -------
    counts : onnxscript tensor
        int64 [..., m].

    Example
    -------
    >>> searchsorted in translations().values()
    True
    """
    from onnx import TensorProto
    from onnxscript import opset18

    compare = opset18.LessOrEqual if right else opset18.Less
    before = compare(
        opset18.Unsqueeze(sequence, [-2]), opset18.Unsqueeze(values, [-1])
    )
    counts = opset18.Cast(before, to=TensorProto.INT64)
    return opset18.ReduceSum(counts, [-1], keepdims=0)


def stable_sort(values, stable=False, dim=-1, descending=False):
    """Sorts; of equal values the first stays first, as in ONNX's TopK.

    Arguments
    ---------
    values : onnxscript tensor
        Of any shape.
    stable : bool
        Either way it is.
    dim : int
        Dimension along which to sort.
    descending : bool
        Whether the largest comes first.

    Returns
    -------
    values : onnxscript tensor
    indices : onnxscript tensor
        int64.

    Example
    -------
    >>> stable_sort in translations().values()
    True
    """
    from onnxscript import opset18

    size = opset18.Gather(
        opset18.Shape(values), opset18.Constant(value_ints=[dim])
    )
    return opset18.TopK(
        values, size, axis=dim, largest=int(descending), sorted=1
    )


def translations():
    """Name the translations for `torch.onnx.export`.

    Returns
    -------
    table : dict
        Operator of torch to the function that translates it.

    Example
    -------
    >>> len(translations())
    3
    """
    return {
        torch.ops.aten.searchsorted.Tensor: searchsorted,
        torch.ops.aten.sort.default: stable_sort,
        torch.ops.aten.sort.stable: stable_sort,
    }
