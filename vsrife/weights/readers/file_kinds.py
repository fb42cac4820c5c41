"""What kind of file the bytes are, whatever the file is called: for messages about refused ones."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from vsrife.weights.readers.onnx import is_onnx
from vsrife.weights.readers.safetensors import HEADER_BYTES

_HEAD = 512  # bytes in which text says what it is
_TORCH = (".pth", ".pt", ".pkl")
_ZIP = b"PK\x03\x04"  # torch's own files are such; its reader says what is wrong with others
_ARCHIVES = (_ZIP, b"\x1f\x8b", b"7z\xbc\xaf\x27\x1c", b"Rar!")
_LEGACY = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # torch before 1.6


def why_refused(content: bytes, suffix: str) -> str:
    """What a file is that a reader for `suffix` has refused, and the way out; "" if that is not
    known, or if it is what its name says."""
    for words, names, test in _KINDS:
        with suppress(Exception):  # the tests read what may be damaged
            if test(content):
                if suffix in names:
                    return ""
                return f"is {words}, whatever its name says; rename it to end in {names[0]}"
    for words, way_out, test in _OTHERS:
        if test(content) and (suffix not in _TORCH or not content.startswith(_ZIP)):
            return f"is {words}; {way_out}"
    return ""


def _is_safetensors(content: bytes) -> bool:
    # no parser: a header of 90 MB would take minutes
    return content[8:9] == b"{" and b'"data_offsets"' in content[:HEADER_BYTES]


def _is_torch(content: bytes) -> bool:
    return content.startswith(_LEGACY) or (content.startswith(_ZIP) and b"/data.pkl" in content)


# Words, the suffixes that readers take it by, and the test
_KINDS: tuple[tuple[str, tuple[str, ...], Callable[[bytes], bool]], ...] = (
    ("a safetensors file", (".safetensors",), _is_safetensors),
    ("a PyTorch file", _TORCH, _is_torch),
    ("an ncnn .param file", (".param",), lambda content: content.startswith(b"7767517")),
    ("an ONNX file", (".onnx",), is_onnx),
)
_OTHERS: tuple[tuple[str, str, Callable[[bytes], bool]], ...] = (
    ("a TFLite file", "name the weights", lambda content: content[4:8] == b"TFL3"),
    ("OpenVINO's IR", "name the weights", lambda content: b"<net " in content[:_HEAD]),
    (
        "a pointer of Git LFS, which stands for the file",
        "fetch the file itself (`git lfs pull`)",
        lambda content: content.startswith(b"version https://git-lfs"),
    ),
    ("an archive", "unpack it", lambda content: content.startswith(_ARCHIVES)),
)
