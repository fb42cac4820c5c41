"""Why a file cannot be read is said in words, without the numbers of errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vsrife.errors import MediaError
from vsrife.media.source import probe
from vsrife.media.stills.images import open_images
from vsrife.media.stills.pictures import decode_clip, read_photo
from vsrife.media.tracks.packets import list_packets
from vsrife.rendering.jobs import identity

READERS: dict[str, Callable[[Path], Any]] = {
    "film": probe,
    "packets": lambda path: list_packets(path, 0),
    "photo": read_photo,
    "clip": lambda path: list(decode_clip(path)),
    "image": lambda path: open_images([path], 24),  # type: ignore[arg-type]
}
CONTENTS = {"text": b"text", "nothing": b"", "a beginning": b"\x1aE\xdf\xa3\x01"}


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_file_has_a_reason_in_words(reader: str, content: str, tmp_path: Path):
    path = tmp_path / "a.mkv"
    path.write_bytes(CONTENTS[content])
    with pytest.raises(MediaError) as said:
        READERS[reader](path)
    text = str(said.value)
    assert text.count("a.mkv") == 1
    assert "Errno" not in text
    reason = text.rpartition(": ")[2]
    assert len(reason.split()) > 2  # words
    assert not any(character.isdigit() for character in reason)


@pytest.mark.parametrize("read", [*READERS.values(), identity.of_source])
def test_a_file_that_is_not_there_has_a_reason_in_words(
    read: Callable[[Path], Any], tmp_path: Path
):
    with pytest.raises(MediaError, match="No such file or directory") as said:
        read(tmp_path / "a.mkv")
    assert "Errno" not in str(said.value)
