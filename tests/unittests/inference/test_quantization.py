"""Files whose matrix products are in 8 bits."""

import pytest
import torch

from speechbrain_pib.inference.onnx_classifier import OnnxClassifier
from speechbrain_pib.inference.quantization import quantize_products

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")


def operators(path):
    """Kinds of the operators of a file."""
    return sorted(node.op_type for node in onnx.load(path).graph.node)


def test_weights_take_a_quarter_and_change_little(onnx_file, tmp_path):
    path = tmp_path / "small.onnx"
    quantize_products(onnx_file.path, path)
    assert "MatMulInteger" in operators(path)
    assert path.stat().st_size < 0.3 * onnx_file.path.stat().st_size
    loaded, small = OnnxClassifier(onnx_file.path), OnnxClassifier(path)
    assert small.metadata == loaded.metadata
    given = torch.randn(3, 8000), torch.ones(3)
    expected = loaded.run(*given)["embeddings"]
    found = small.run(*given)["embeddings"]
    assert 0 < (found - expected).abs().max() < 0.03 * expected.abs().max()


def test_weights_that_a_graph_transposes_are_stored_so(onnx_file, tmp_path):
    model = onnx.load(onnx_file.path)
    (weights,) = [x for x in model.graph.initializer if x.name == "weights"]
    array = onnx.numpy_helper.to_array(weights).T.copy()
    weights.CopyFrom(onnx.numpy_helper.from_array(array, "stored"))
    node = onnx.helper.make_node("Transpose", ["stored"], ["weights"])
    model.graph.node.insert(0, node)
    onnx.save(model, tmp_path / "transposed.onnx")
    for name, source in (
        ("a.onnx", onnx_file.path),
        ("b.onnx", tmp_path / "transposed.onnx"),
    ):
        quantize_products(source, tmp_path / name)
    given = torch.randn(3, 8000), torch.ones(3)
    expected, found = (
        OnnxClassifier(tmp_path / name).run(*given)["embeddings"]
        for name in ("a.onnx", "b.onnx")
    )
    assert torch.equal(found, expected)
    sizes = [(tmp_path / x).stat().st_size for x in ("a.onnx", "b.onnx")]
    assert abs(sizes[0] - sizes[1]) < 1000


def test_products_of_the_front_end_stay_as_they_are(onnx_file, tmp_path):
    model = onnx.load(onnx_file.path)
    for node in model.graph.node:
        node.name = f"fbank/{node.op_type}"
    named = tmp_path / "named.onnx"
    onnx.save(model, named)
    quantize_products(named, tmp_path / "small.onnx")
    assert operators(tmp_path / "small.onnx") == operators(named)
