"""What is computed for source frames, kept in a bounded number of bytes."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable


class ByteCache[Key: Hashable, Value]:
    """Values by key; each goes with its key, and the least recently used go when there are too many
    bytes. What has gone is made anew when it is needed. Calls may come from any thread."""

    def __init__(self, most: int, bytes_of: Callable[[Value], int], *, at_least: int = 2) -> None:
        """most: bytes of all keys and values. at_least: values that stay whatever they have, such
        as those of the two frames that are in use."""
        self._most, self._bytes_of, self._at_least = most, bytes_of, at_least
        self._lock = threading.RLock()  # a key may go, and be forgotten, while it is held
        self._keys: dict[int, tuple[weakref.ref[Key], int]] = {}
        self._values: OrderedDict[int, tuple[Value, int]] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Of all keys and values that are there."""
        with self._lock:
            sizes = [size for _, size in self._keys.values()]
            return sum(sizes) + sum(size for _, size in self._values.values())

    def add(self, key: Key, size: int) -> None:
        """A key with bytes of its own, which count as long as it lives."""
        number = id(key)

        def forget(_: object) -> None:
            with self._lock:
                self._keys.pop(number, None)
                self._values.pop(number, None)

        with self._lock:
            self._keys[number] = weakref.ref(key, forget), size
            self._shrink()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of a key of `add`."""
        number = id(key)
        with self._lock:
            if number in self._values:
                self._values.move_to_end(number)
                return self._values[number][0]
        value = make()
        with self._lock:
            self._values[number] = value, self._bytes_of(value)
            self._shrink()
        return value

    def _shrink(self) -> None:
        while self.bytes > self._most and len(self._values) > self._at_least:
            self._values.popitem(last=False)
