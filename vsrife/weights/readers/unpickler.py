"""An unpickler for state dicts that can do nothing else.

A pickle is a program. This runs the few instructions that a state dict needs: it imports nothing,
calls nothing and knows four names, for which it notes what tensor is meant. Whatever else turns up
ends the run.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO, NamedTuple

_MOST_DIMENSIONS = 8
_KINDS = {
    "FloatStorage": "F32", "HalfStorage": "F16", "DoubleStorage": "F64", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8",
    "ByteStorage": "U8", "BoolStorage": "BOOL",
}  # fmt: skip  # a name beside its type
_HOMES = ("torch", "torch.cuda")  # the latter in files that torch before 1.11 wrote on a GPU
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2}


class NoTensorsError(ValueError):
    """The file may be whole, but a state dict it is not."""


class _Name(NamedTuple):
    """A global that the pickle asks for; it is never looked up."""

    module: str
    name: str


@dataclass(frozen=True)
class Storage:
    """A block of memory: `count` numbers of `kind`, stored in the file under `key`."""

    kind: str
    key: str
    count: int

    @property
    def item(self) -> int:
        """Bytes of one number."""
        return _BYTES.get(self.kind, 1)

    @property
    def size(self) -> int:
        """Bytes of all numbers."""
        return self.count * self.item


@dataclass(frozen=True)
class View:
    """A tensor: which numbers of a storage it is made of."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Dict(dict[Any, Any]):
    """A dict of the pickle; the attributes that BUILD sets on one are dropped."""


class Unpickler:
    """Runs one pickle. storages: those that the pickle has named, by key."""

    def __init__(self, file: BinaryIO) -> None:
        self.storages: dict[str, Storage] = {}
        self._file = file
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> object:
        for opcode, argument, _ in pickletools.genops(self._file):
            if opcode.name == "STOP":
                if len(self._stack) != 1 or self._marks:
                    raise ValueError("its pickle is damaged")
                return self._stack.pop()
            if opcode.name in _VALUES:
                self._stack.append(argument)
            elif opcode.name in _CONSTANTS:
                self._stack.append(_CONSTANTS[opcode.name]())
            elif opcode.name in _STEPS:
                _STEPS[opcode.name](self, argument)
            elif opcode.name not in ("PROTO", "FRAME"):
                raise NoTensorsError(f"it holds more than tensors: the instruction {opcode.name}")
        raise ValueError("its pickle is cut short")

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise ValueError("its pickle is damaged")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise ValueError("its pickle is damaged")
        return self._stack[-1]

    def _from_mark(self) -> list[Any]:
        if not self._marks:
            raise ValueError("its pickle is damaged")
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _mark(self, _: object) -> None:
        self._marks.append(len(self._stack))

    def _put(self, index: int | None) -> None:
        # MEMOIZE names the next free place
        self._memo[len(self._memo) if index is None else int(index)] = self._top(object)

    def _get(self, index: int) -> None:
        if int(index) not in self._memo:
            raise ValueError("its pickle is damaged")
        self._stack.append(self._memo[int(index)])

    def _tuple(self, count: int | None) -> None:
        items = self._from_mark() if count is None else [self._pop() for _ in range(count)][::-1]
        self._stack.append(tuple(items))

    def _append(self, many: bool) -> None:
        items = self._from_mark() if many else [self._pop()]
        self._top(list).extend(items)

    def _set(self, many: bool) -> None:
        items = self._from_mark() if many else [self._pop(), self._pop()][::-1]
        if len(items) % 2:
            raise ValueError("its pickle is damaged")
        # other keys could be nested so deep that hashing them overflows the stack
        if not all(type(key) in (str, int) for key in items[::2]):
            raise NoTensorsError("it holds more than tensors by name")
        self._top(_Dict).update(zip(items[::2], items[1::2], strict=True))

    def _global(self, text: str) -> None:
        self._stack.append(_known_name(*text.split(" ", 1)))

    def _stack_global(self, _: object) -> None:
        name, module = self._pop(), self._pop()
        self._stack.append(_known_name(module, name))

    def _reduce(self, _: object) -> None:
        arguments, name = self._pop(), self._pop()
        make = _REBUILDS.get(name) if isinstance(name, _Name) else None
        if make is None or not isinstance(arguments, tuple):
            raise NoTensorsError("it holds more than tensors: a call")
        self._stack.append(make(*arguments))

    def _build(self, _: object) -> None:
        self._pop()  # attributes such as a state dict's version numbers
        self._top(_Dict)

    def _persistent(self, _: object) -> None:
        match self._pop():
            case ("storage", _Name(name=kind), str(key), str(), int(count), *rest):
                if kind not in _KINDS or count < 0 or len(rest) > 1 or (rest and rest[0]):
                    raise ValueError(f"it holds a storage of another kind: {kind}")
            case _:
                raise NoTensorsError("it holds more than tensors: a reference")
        storage = Storage(_KINDS[kind], key, int(count))
        if self.storages.setdefault(key, storage) != storage:
            raise ValueError(f"it describes storage {key!r} twice, each time another")
        self._stack.append(storage)


def _known_name(module: object, name: object) -> _Name:
    if not isinstance(module, str) or not isinstance(name, str):
        raise ValueError("its pickle is damaged")
    known = _Name(module, name)
    if known not in _REBUILDS and (known.module not in _HOMES or known.name not in _KINDS):
        raise NoTensorsError(f"it holds more than tensors: {known.module}.{known.name}"[:200])
    return known


def _view(storage: object, offset: object, shape: object, strides: object, *_: object) -> View:
    """The arguments of torch._utils._rebuild_tensor_v2, bounds checked, as a view."""
    if not isinstance(storage, Storage) or not isinstance(offset, int):
        raise ValueError("it holds a tensor without numbers")
    if not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise ValueError("it holds a tensor without a shape")
    sizes = (*shape, *strides, offset)
    if len(shape) != len(strides) or len(shape) > _MOST_DIMENSIONS:
        raise ValueError("it holds a tensor with a damaged shape")
    if not all(type(number) is int and number >= 0 for number in sizes):
        raise ValueError("it holds a tensor with a damaged shape")
    last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if 0 not in shape and (last >= storage.count or prod(shape) > storage.count):
        raise ValueError("it holds a tensor that is larger than its storage")
    if 0 in shape and offset > storage.count:
        raise ValueError("it holds a tensor outside its storage")
    return View(storage, offset, shape, strides)


def _parameter(tensor: object, *_: object) -> object:
    if not isinstance(tensor, View):
        raise ValueError("it holds a parameter that is no tensor")
    return tensor


def _ordered(*items: object) -> _Dict:
    if items:
        raise NoTensorsError("it holds more than tensors: an OrderedDict with content")
    return _Dict()


_REBUILDS: dict[_Name, Callable[..., object]] = {
    _Name("collections", "OrderedDict"): _ordered,
    _Name("torch._utils", "_rebuild_tensor_v2"): _view,
    _Name("torch._utils", "_rebuild_tensor"): _view,
    _Name("torch._utils", "_rebuild_parameter"): _parameter,
}
_VALUES = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BININT", "BININT1", "BININT2", "LONG1",
    "BINFLOAT",
}  # fmt: skip  # a list of words
_CONSTANTS: dict[str, Callable[[], object]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": lambda: (),
    "EMPTY_LIST": list,
    "EMPTY_DICT": _Dict,
}
_STEPS: dict[str, Callable[[Unpickler, Any], None]] = {
    "MARK": Unpickler._mark,
    "BINPUT": Unpickler._put,
    "LONG_BINPUT": Unpickler._put,
    "MEMOIZE": Unpickler._put,
    "BINGET": Unpickler._get,
    "LONG_BINGET": Unpickler._get,
    "TUPLE": lambda unpickler, _: unpickler._tuple(None),
    "TUPLE1": lambda unpickler, _: unpickler._tuple(1),
    "TUPLE2": lambda unpickler, _: unpickler._tuple(2),
    "TUPLE3": lambda unpickler, _: unpickler._tuple(3),
    "APPEND": lambda unpickler, _: unpickler._append(False),
    "APPENDS": lambda unpickler, _: unpickler._append(True),
    "SETITEM": lambda unpickler, _: unpickler._set(False),
    "SETITEMS": lambda unpickler, _: unpickler._set(True),
    "GLOBAL": Unpickler._global,
    "STACK_GLOBAL": Unpickler._stack_global,
    "REDUCE": Unpickler._reduce,
    "BUILD": Unpickler._build,
    "BINPERSID": Unpickler._persistent,
}
