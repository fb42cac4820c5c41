"""The embedded models lie in models/ as ONNX files, too, for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from vsrife.export import export_model
from vsrife.network.table import EMBEDDED
from vsrife.weights import embedded_folder


def nodes_of(model: onnx.ModelProto) -> list[tuple[object, ...]]:
    return [
        (
            node.op_type,
            list(node.input),
            list(node.output),
            {each.name: helper.get_attribute_value(each) for each in node.attribute},
        )
        for node in model.graph.node
    ]


def tensors_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}


def ends_of(model: onnx.ModelProto) -> list[tuple[object, ...]]:
    """Inputs and outputs: names, types, sides or what they are called."""
    found = []
    for value in (*model.graph.input, *model.graph.output):
        kind = value.type.tensor_type
        sides = [dim.dim_value or dim.dim_param for dim in kind.shape.dim]
        found.append((value.name, kind.elem_type, sides))
    return found


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_file_is_what_an_export_of_the_weights_writes(name: str, tmp_path: Path) -> None:
    shipped = onnx.load(embedded_folder / f"{name}.onnx")
    (path,) = export_model(name, tmp_path / "x.onnx")
    written = onnx.load(path)
    assert nodes_of(shipped) == nodes_of(written)
    assert ends_of(shipped) == ends_of(written)
    theirs, ours = tensors_of(shipped), tensors_of(written)
    assert {k: (v.dtype, v.shape) for k, v in theirs.items()} == {
        k: (v.dtype, v.shape) for k, v in ours.items()
    }
    assert all(np.array_equal(theirs[key], ours[key]) for key in ours)
