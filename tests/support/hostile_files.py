"""Files made to do harm, or broken: what is in them, and the words in which each is refused."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import torch

from tests.support import writers
from tests.support.pickles import pickled, state_program, torch_legacy, torch_zip
from tests.support.states import random_state
from vsrife.weights.readers.safetensors import DIGEST, as_safetensors

CANARY = "a model file has run code"
MORE = "holds more than tensors"
BROKEN = "cannot be read: it is damaged, cut short or no weights file"


class Calls:
    """Pickled as a call of `function`."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


def tensor_program(count=4, offset=0, shape=(2, 2), strides=(2, 1), kind="FloatStorage", times=1):
    """A state dict's pickle whose tensors are these views of storage 0, with `count` numbers."""
    view = "0", count, offset, shape, strides
    return state_program({f"t{index}": view for index in range(times)}, kind)


def four_numbers(**changes) -> bytes:
    return torch_zip(tensor_program(**changes), np.ones(4, "<f4").tobytes())


def safetensors(header, data=b"\0" * 16) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin, end, shape=(4,), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def state_with(change) -> bytes:
    state = random_state("micro")
    change(state)
    return as_safetensors(state, {})


def poisoned(number) -> bytes:
    def change(state):
        state["block4.out.bias"][3] = number

    return state_with(change)


def swapped(state):
    state["block8.body.0.weight"], state["block4.body.1.weight"] = (
        state["block4.body.1.weight"],
        state["block8.body.0.weight"],
    )


def without_one(state):
    del state["block16.meeting.bias"]


def with_one_more(state):
    state["virus.weight"] = np.ones((3, 3), np.float32)


def digest_of_others() -> bytes:
    return as_safetensors(random_state("micro"), {DIGEST: "0" * 64})


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", tensor_program())
        archive.writestr("archive/data/0", b"\0" * (64 << 20))
    return out.getvalue()


def larger_than_the_file() -> bytes:
    """A stored part whose directory entry says that it has 4 GB."""
    content = bytearray(four_numbers())
    at = content.rindex(b"PK\x01\x02")
    content[at + 20 : at + 28] = b"\xf0\xff\xff\xff" * 2
    return bytes(content)


def many_parts() -> bytes:
    return four_numbers() + b"PK\x01\x02" * 10_000


def encrypted() -> bytes:
    content = bytearray(four_numbers())
    at = content.rindex(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


def flipped_bit() -> bytes:
    content = bytearray(four_numbers())
    at = content.index(np.ones(4, "<f4").tobytes())
    content[at] ^= 1
    return bytes(content)


def loaded_from_bytes() -> bytes:
    """torch.load itself called by a pickle, for a pickle that calls print."""
    inner = pickle.dumps(Calls(print, CANARY), 3)
    program = b"\x80\x03}X\1\0\0\0actorch.storage\n_load_from_bytes\n"
    return torch_zip(program + b"C" + bytes([len(inner)]) + inner + b"\x85Rs.")


def laughs() -> bytes:
    """Lists of lists that would be 10^9 if anybody wrote them out; then a call of the result."""
    program = b"\x80\x02]q\0"
    for index in range(9):
        program += b"](" + b"h" + bytes([index]) * 1
        program += (b"h" + bytes([index])) * 9 + b"eq" + bytes([index + 1])
    return torch_zip(program + b"h\x09)R.")


def deep_key() -> bytes:
    return torch_zip(b"\x80\x02})" + b"\x85" * 200_000 + b"K\x01s.")


MEMO_BOMB = b"\x80\x02}r\xff\xff\xff\x7f."  # asks for a memo of 2^31 places

PICKLES = {
    "os.system": (lambda: pickled(Calls(os.system, f"echo {CANARY}")), MORE),
    "os.system, protocol 4": (lambda: pickled(Calls(os.system, f"echo {CANARY}"), 4), MORE),
    "os.system, old format": (
        lambda: torch_legacy(pickle.dumps({"a": Calls(os.system, f"echo {CANARY}")}, 2), {}),
        MORE,
    ),
    "os.system, bare pickle": (lambda: pickle.dumps(Calls(os.system, CANARY)), BROKEN),
    "builtins.eval": (lambda: pickled(Calls(eval, f"print('{CANARY}')")), MORE),
    "builtins.exec": (lambda: pickled(Calls(exec, f"print('{CANARY}')")), MORE),
    "builtins.getattr": (lambda: pickled(Calls(getattr, CANARY, "upper")), MORE),
    "functools.partial": (lambda: pickled(functools.partial(print, CANARY)), MORE),
    "numpy reducer": (lambda: pickled(np.ones(3)), MORE),
    "numpy scalar": (lambda: pickled(np.float32(1)), MORE),
    "torch.load in a pickle": (loaded_from_bytes, MORE),
    "torch module": (lambda: pickled(torch.nn.Conv2d(1, 1, 1)), MORE),
    "torch sparse tensor": (lambda: pickled(torch.eye(3).to_sparse()), MORE),
    "torch device": (lambda: pickled(torch.device("cpu")), MORE),
    "state set on an object": (
        lambda: pickled(Calls(OrderedDict, [("a", 1)], state={"__class__": 1})),
        MORE,
    ),
    "INST instruction": (lambda: torch_zip(b"(ios\nsystem\n."), MORE),
    "OBJ instruction": (lambda: torch_zip(b"(cos\nsystem\nS'echo'\no."), MORE),
    "NEWOBJ instruction": (lambda: torch_zip(b"\x80\x02ccollections\nOrderedDict\n)\x81."), MORE),
    "extension code": (lambda: torch_zip(b"\x80\x02\x82\x01."), MORE),
    "persistent name": (lambda: torch_zip(b"Pcos.system\n."), MORE),
    "persistent object": (lambda: torch_zip(b"\x80\x02}Q."), MORE),
    "memo bomb": (lambda: torch_zip(MEMO_BOMB), "no tensors"),
    "billion laughs": (laughs, MORE),
    "keys nested 200 000 deep": (deep_key, MORE),
    "stack underflow": (lambda: torch_zip(b"\x80\x02R."), BROKEN),
    "endless pickle": (lambda: torch_zip(b"\x80\x02" + b"}" * 3_000_000), "too long for a state"),
    "pickle cut short": (lambda: torch_zip(tensor_program()[:-9]), BROKEN),
    "tensor without end": (lambda: torch_zip(b"\x80\x02X\xff\xff\xff\x7fabc"), BROKEN),
    "storage that is missing": (lambda: torch_zip(tensor_program()), "missing or of another size"),
    "storage cut short": (
        lambda: torch_zip(tensor_program(), b"\0" * 8),
        "missing or of another size",
    ),
    "huge storage": (lambda: four_numbers(count=1 << 40), "missing or of another size"),
    "huge shape": (lambda: four_numbers(shape=(1 << 31, 1 << 31), strides=(0, 0)), "larger than"),
    "shape beyond the storage": (lambda: four_numbers(shape=(2, 3)), "larger than its storage"),
    "strides beyond the storage": (lambda: four_numbers(strides=(1 << 40, 1)), "larger than"),
    "negative stride": (lambda: four_numbers(strides=(-1, 1)), "damaged shape"),
    "negative offset": (lambda: four_numbers(offset=-4), "damaged shape"),
    "offset beyond the storage": (lambda: four_numbers(offset=1), "larger than its storage"),
    "one storage, 5000 tensors": (lambda: four_numbers(times=5000), "too many tensors"),
    "one storage of 1 MB, 300 times": (
        lambda: torch_zip(
            tensor_program(1 << 18, 0, (1 << 18,), (1,), times=300), b"\0" * (1 << 20)
        ),
        "tensors are too large",
    ),
    "int64 weights": (
        lambda: torch_zip(tensor_program(kind="LongStorage"), b"\0" * 32),
        "another kind than weights",
    ),
    "complex weights": (lambda: four_numbers(kind="ComplexFloatStorage"), MORE),
    "zip bomb": (zip_bomb, "compressed or encrypted"),
    "part larger than the file": (larger_than_the_file, "larger than the file"),
    "too many parts": (many_parts, "too many parts"),
    "encrypted part": (encrypted, "compressed or encrypted"),
    "bit flipped in a storage": (flipped_bit, BROKEN),
    "path traversal names": (
        lambda: torch_zip(tensor_program(), b"\0" * 16, **{"../../../evil": b"x"}),
        "paths that lead elsewhere",
    ),
    "absolute path names": (
        lambda: torch_zip(tensor_program(), b"\0" * 16, **{"/etc/evil": b"x"}),
        "paths that lead elsewhere",
    ),
    "storage called ../../etc/passwd": (
        lambda: torch_zip(
            tensor_program().replace(b"X\1\0\0\x000", b"X\x10\0\0\0../../etc/passwd"), b"\0" * 16
        ),
        "storage '../../etc/passwd' is missing",
    ),
    "escape codes for the terminal": (
        lambda: torch_zip(b"c\x1b[2Jevil\nname\n."),
        r"more than tensors: \?\[2Jevil\.name",
    ),
    "escape codes in a tensor's name": (
        lambda: torch_zip(tensor_program().replace(b"X\2\0\0\0t0", b"X\2\0\0\0\x1bc"), b"\0" * 16),
        r"damaged name: '\\x1bc'",
    ),
    "two pickles": (lambda: torch_zip(b"}.", **{"other/data.pkl": b"}."}), "not PyTorch's"),
    "another zip": (lambda: torch_zip(b"").replace(b"data.pkl", b"word.xml"), "not PyTorch's"),
    "empty file": (lambda: b"", BROKEN),
    "web page": (lambda: b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "noise": (lambda: np.random.default_rng(0).bytes(5000), BROKEN),
}

SAFETENSORS = {
    "header of 2^63 bytes": (lambda: struct.pack("<Q", 1 << 63) + b"{}", "header is missing"),
    "header of 90 MB": (lambda: safetensors(b" " * (90 << 20)), "too long"),
    "header nested 100 000 deep": (lambda: safetensors(b"[" * 100_000), BROKEN),
    "header that is no JSON": (lambda: safetensors(b"{'a': 1}"), BROKEN),
    "offsets beyond the file": (lambda: safetensors({"a": entry(0, 1 << 40)}), BROKEN),
    "offsets that overlap": (lambda: safetensors({"a": entry(0, 16), "b": entry(0, 16)}), BROKEN),
    "negative shape": (lambda: safetensors({"a": entry(0, 16, (-4,))}), BROKEN),
    "shape that overflows": (lambda: safetensors({"a": entry(0, 16, (1 << 62, 4))}), BROKEN),
    "unknown type": (lambda: safetensors({"a": entry(0, 16, (16,), "F8_E4M3")}), BROKEN),
    "int8 weights": (lambda: safetensors({"a": entry(0, 16, (16,), "I8")}), "another kind"),
    "NaN weights": (lambda: poisoned(np.nan), "not finite: 'block4.out.bias'"),
    "infinite weights": (lambda: poisoned(-np.inf), "not finite: 'block4.out.bias'"),
    "tensors that were changed": (digest_of_others, "the digest differs"),
    "no tensors": (lambda: safetensors({}, b""), "holds no tensors"),
    "tensors swapped": (lambda: state_with(swapped), r"nearest is micro, but block8\.body\.0"),
    "a tensor missing": (lambda: state_with(without_one), r"but block16\.meeting\.bias is missing"),
    "a tensor too many": (lambda: state_with(with_one_more), r"virus\.weight is not part of it"),
}


def protobuf(*fields) -> bytes:
    """A message of (number, bytes) fields, each shorter than 2 MB."""
    return b"".join(bytes([number << 3 | 2]) + length(block) + block for number, block in fields)


def length(block: bytes) -> bytes:
    if len(block) < 128:
        return bytes([len(block)])
    return bytes([len(block) & 127 | 128, len(block) >> 7 & 127 | 128, len(block) >> 14])


def onnx_tensor(*fields, data=b"\0" * 16, sides=b"") -> bytes:
    """A model whose graph has one fp32 tensor with these dimensions, as varints."""
    tensor = b"".join(b"\x08" + field for field in fields) + b"\x10\x01"
    return protobuf((7, protobuf((5, tensor + protobuf((1, sides), (9, data))))))


def many_tensors(count: int) -> bytes:
    names = (f"{number:x}".encode() for number in range(count))
    return protobuf((7, b"".join(protobuf((5, b"\x08\0\x10\1" + protobuf((8, n)))) for n in names)))


ONNX = {
    "external data": (lambda: writers.external_data("4.6", random_state("4.6")), "never opened"),
    "cut short": (lambda: writers.onnx_bytes("4.6", random_state("4.6"))[:-100], BROKEN),
    "length beyond the file": (lambda: b"\x3a\xff\xff\xff\xff\x0f" + b"a" * 9, "cut short"),
    "endless number": (lambda: b"\x3a" + b"\xff" * 20, "no ONNX file"),
    "huge shape": (lambda: onnx_tensor(b"\xff" * 8 + b"\x7f"), "numbers that its shape says"),
    "negative shape": (lambda: onnx_tensor(b"\xff" * 9 + b"\x01"), "numbers that its shape says"),
    "shape of 100 dimensions": (lambda: onnx_tensor(*[b"\x01"] * 40, b"\x04"), "shape says"),
    "groups": (lambda: b"\x3b\x3b\x3b", "no ONNX file"),
    "web page": (lambda: b"<html>", "a web page"),
    "tensors without end": (lambda: many_tensors(60_000), "graph is too large"),
    "names without end": (lambda: protobuf((7, protobuf((1, b"\x0a\0" * 60_000)))), "too large"),
    "sides without end": (lambda: onnx_tensor(data=b"", sides=b"\1" * 100_000), "shape says"),
    "no graph": (lambda: protobuf((2, b"pytorch")), "no ONNX file"),
}


GOOD_LINE = "Convolution c 1 1 in0 out 0=1 1=3 5=1 6=9"
NCNN = {
    "huge layer": ("Convolution c 1 1 in0 out 0=1000000 1=3 5=1 6=9000000000", "shorter than its"),
    "negative layer": ("Convolution c 1 1 in0 out 0=-1 1=3 5=1 6=-9", "is damaged"),
    "size that fits no shape": ("Convolution c 1 1 in0 out 0=2 1=3 5=1 6=9", "is damaged"),
    "8 bits": (GOOD_LINE + " 8=1", "in 8 bits"),
    "unknown layer": ("Python p 1 1 in0 out 0=import 1=os", "kind 'Python', which no RIFE"),
    "huge constant": ("MemoryData m 0 1 m 0=1000000 1=1000000 2=1000000", "shorter than its"),
    "negative constant": ("MemoryData m 0 1 m 0=-1 1=1 2=5", "shorter than its"),
    "more blobs than words": ("Convolution c 900 900 in0", "is damaged"),
    "no numbers": ("Convolution c one one in0 out", BROKEN),
    "rest that belongs to nothing": ("Split s 1 1 in0 a", "longer than its"),
}
