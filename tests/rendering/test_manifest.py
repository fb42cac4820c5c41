from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsrife.rendering.jobs import manifest
from vsrife.rendering.jobs.manifest import Manifest, Marks

_FRAMES = st.lists(st.integers(0, 10**6))
_MARKS = st.none() | st.builds(Marks, _FRAMES, _FRAMES, _FRAMES)
_BORDERS = st.lists(st.integers(0, 10**6), min_size=2, unique=True).map(sorted)


@settings(max_examples=30)  # each is synced to the disk
@given(st.dictionaries(st.text(), st.text()), _MARKS, _BORDERS)
def test_a_manifest_is_read_as_it_was_written(tmp_path_factory, identity, marks, borders):
    folder = tmp_path_factory.getbasetemp()
    written = Manifest(identity, marks, borders)
    manifest.save(written, folder)
    assert manifest.load(folder) == written
    assert [name.name for name in folder.iterdir() if "tmp" in name.name] == []


GOOD = {"format": manifest.FORMAT, "identity": {"a": "b"}, "marks": None, "borders": [0, 5]}
BAD = {
    "no object": [1],
    "another format": {**GOOD, "format": 99},
    "no borders": {key: value for key, value in GOOD.items() if key != "borders"},
    "one border": {**GOOD, "borders": [0]},
    "falling": {**GOOD, "borders": [0, 9, 5]},
    "fractions": {**GOOD, "borders": [0, 2.5]},
    "text": {**GOOD, "borders": "05"},
    "identity": {**GOOD, "identity": 4},
    "marks": {**GOOD, "marks": {"others": [1]}},
    "marks that are no numbers": {**GOOD, "marks": {"cuts_after": ["1"]}},
}


def test_the_example_is_good(tmp_path: Path):
    (tmp_path / manifest.NAME).write_text(json.dumps(GOOD))
    assert manifest.load(tmp_path) == Manifest({"a": "b"}, None, [0, 5])


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_manifest_is_none(tmp_path: Path, case: str):
    (tmp_path / manifest.NAME).write_text(json.dumps(BAD[case]))
    assert manifest.load(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"format": 1'])
def test_a_damaged_manifest_is_none(tmp_path: Path, content: bytes):
    (tmp_path / manifest.NAME).write_bytes(content)
    assert manifest.load(tmp_path) is None
