"""Graphs as other programs write them, made from a state dict: ONNX by the onnx package, ncnn by
hand. Independent of the reader: layers are spelled out here once more."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from vsrife.network.table import ARCHS


def layers(name: str, state: dict, runs: int = 1) -> list[dict]:
    """The convolutions of a network in the order in which they run, blocks `runs` times each."""
    arch, found = ARCHS[name], []

    def layer(key, stride=1, transposed=False, **others):
        weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
        found.append(
            {
                "key": key,
                "weight": weight,
                "bias": bias,
                "stride": stride,
                "up": transposed,
                **others,
            }
        )

    if arch.encoder:
        for _ in "lr":
            *convs, last = arch.encoder.layers
            for number, part in enumerate(convs):
                layer(f"encode.{part}", 1 if number else 2)
            layer(f"encode.{last}", 2, True)
    for i in range(len(arch.widths)):
        block = f"block{i}."
        for _ in range(runs):
            for j in (0, 1):
                slope = state.get(f"{block}conv0.{j}.1.weight")
                layer(f"{block}conv0.{j}.0", 2, slope=slope)
            for j in range(8):
                body = f"{block}convblock.{j}."
                if arch.body == "beta":
                    layer(f"{body}conv", groups=arch.groups, beta=state[f"{body}beta"])
                else:
                    layer(f"{body}0", slope=state.get(f"{body}1.weight"))
            layer(f"{block}lastconv.0" if arch.shuffles else f"{block}lastconv", 2, True)
    return found


def onnx_bytes(name, state, *, named=True, runs=1, half=False, beta_as="initialiser") -> bytes:
    """An ONNX file with the network's convolutions; tensors called by key, or by number."""
    nodes, tensors, blob = [], {}, "input"
    numbers = {}

    def constant(key, value):
        called = key if named else f"onnx::Conv_{numbers.setdefault(key, len(numbers))}"
        tensors[called] = value.astype(np.float16) if half else value
        return called

    for number, layer in enumerate(layers(name, state, runs)):
        key, out = layer["key"], f"blob{number}"
        inputs = [
            blob,
            constant(f"{key}.weight", layer["weight"]),
            constant(f"{key}.bias", layer["bias"]),
        ]
        nodes.append(helper.make_node("ConvTranspose" if layer["up"] else "Conv", inputs, [out]))
        if layer.get("beta") is not None:
            beta = constant(key.removesuffix("conv") + "beta", layer["beta"])
            if beta_as == "constant":
                value = numpy_helper.from_array(tensors.pop(beta))
                nodes.append(helper.make_node("Constant", [], [f"{beta}_{number}"], value=value))
                beta = f"{beta}_{number}"
            pair = [out, beta] if number % 2 else [beta, out]
            nodes.append(helper.make_node("Mul", pair, [f"{out}m"]))
            out = f"{out}m"
        if layer.get("slope") is not None:
            slope = constant(slope_key(key), layer["slope"].reshape(-1, 1, 1))
            nodes.append(helper.make_node("PRelu", [out, slope], [f"{out}p"]))
            out = f"{out}p"
        blob = out
    graph = helper.make_graph(
        nodes,
        "rife",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 7, 64, 64])],
        [helper.make_tensor_value_info(blob, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, called) for called, value in tensors.items()],
    )
    return helper.make_model(graph).SerializeToString()


def slope_key(key: str) -> str:
    return key.removesuffix("0") + "1.weight"


def write_ncnn(folder: Path, name, state, *, runs=1, half=False, betas_first=True) -> None:
    """flownet.param and flownet.bin with the network's convolutions."""
    head, lines, blob = ["Input in0 0 1 in0"], [], "in0"
    first, data = b"", b""

    def tagged(value):
        if not half:
            return struct.pack("<I", 0) + value.astype("<f4").tobytes()
        raw = value.astype("<f2").tobytes()
        return struct.pack("<I", 0x01306B47) + raw + b"\0" * (-len(raw) % 4)

    for number, layer in enumerate(layers(name, state, runs)):
        weight, out = layer["weight"], f"b{number}"
        groups, up = layer.get("groups", 1), layer["up"]
        kind = ("Deconvolution" if up else "Convolution") + ("DepthWise" if groups > 1 else "")
        kept = weight.transpose(1, 0, 2, 3) if up else weight
        if layer.get("beta") is not None:
            line = f"MemoryData beta{number} 0 1 beta{number} 0=1 1=1 2={weight.shape[0]}"
            raw = layer["beta"].astype("<f4").tobytes()
            if betas_first:
                head.append(line)
                first += raw
            else:
                lines.append(line)
                data += raw
        lines.append(
            f"{kind} conv{number} 1 1 {blob} {out} 0={kept.shape[0]} 1={kept.shape[2]} "
            f"3={layer['stride']} 4=1 5=1 6={kept.size} 7={groups} 9=2 -23310=1,0.2"
        )
        data += tagged(kept) + layer["bias"].astype("<f4").tobytes()
        if layer.get("beta") is not None:
            lines.append(f"BinaryOp mul{number} 2 1 {out} beta{number} {out}m 0=2")
            out = f"{out}m"
        if layer.get("slope") is not None:
            lines.append(f"PReLU act{number} 1 1 {out} {out}p 0={layer['slope'].size}")
            data += layer["slope"].astype("<f4").tobytes()
            out = f"{out}p"
        blob = out
    lines = [*head, *lines, f"Sigmoid end 1 1 {blob} out0"]
    text = "\n".join(["7767517", f"{len(lines)} {len(lines)}", *lines]) + "\n"
    (folder / "flownet.param").write_text(text)
    (folder / "flownet.bin").write_bytes(first + data)


def external_data(name, state) -> bytes:
    """An ONNX file that says that its first weight is in /etc/passwd."""
    model = onnx.load_from_string(onnx_bytes(name, state))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    return model.SerializeToString()
