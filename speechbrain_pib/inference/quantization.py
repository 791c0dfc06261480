"""Exported files with their matrix products in whole numbers of 8 bits.

Needs onnx and onnxruntime, of the extra `onnx`.

Authors
 * The speechbrain_pib developers 2026
"""

import logging

from speechbrain_pib.inference.export_graph import FRONT_ENDS
from speechbrain_pib.utils.files import atomic_path


def quantize_products(source, target):
    """Writes a smaller, mostly faster and less exact copy of an ONNX file.

    Weights of matrix products become 8-bit numbers with a scale for each
    output; what they are multiplied with is scaled as it comes (dynamic
    quantisation). Products of the front end, which has magnitudes from 1e-6
    up, and convolutions stay in float32.

    Arguments
    ---------
    source : str
        File of `export_onnx`.
    target : str
        Where to write.

    Example
    -------
    >>> quantize_products("model.onnx", "small.onnx")  # doctest: +SKIP
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(source)
    _transpose_weights(model.graph)
    logger = logging.getLogger()
    level = logger.level
    # Advises what would make no difference here, to the root logger.
    logger.setLevel(logging.ERROR)
    try:
        with atomic_path(target) as temporary:
            quantize_dynamic(
                model,
                temporary,
                op_types_to_quantize=["MatMul"],
                nodes_to_exclude=[
                    node.name
                    for node in model.graph.node
                    if node.name.startswith(FRONT_ENDS)
                ],
                per_channel=True,
                # Signed weights overflow on processors without VNNI.
                weight_type=QuantType.QUInt8,
            )
    finally:
        logger.setLevel(level)


def _transpose_weights(graph):
    """Stores weights as products take them: of what a graph has to transpose
    first, onnxruntime would not know that it is a weight."""
    from onnx import numpy_helper

    weights = {weight.name: weight for weight in graph.initializer}
    for node in list(graph.node):
        if node.op_type != "Transpose" or node.input[0] not in weights:
            continue
        array = numpy_helper.to_array(weights[node.input[0]])
        axes = [x.ints for x in node.attribute if x.name == "perm"]
        array = array.transpose(axes[0] if axes else None)
        graph.initializer.append(
            numpy_helper.from_array(array.copy(), node.output[0])
        )
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for weight in list(graph.initializer):
        if weight.name not in used:
            graph.initializer.remove(weight)
