"""Every argument of rife(), wrong by itself and together with others: one line, before any file."""

import inspect
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import vapoursynth as vs

from tests.support.wrong_arguments import CASES, TOGETHER, WRONG, call, clip_for
from vsrife import arguments, rife
from vsrife.inference import network_options
from vsrife.inference.network_options import NetworkOptions
from vsrife.weights import folders

ROOT = Path(__file__).parents[1]


@pytest.fixture
def untouched(monkeypatch):
    """Fails where a backend, a weights file or the folder of models is looked for."""

    def fail(*arguments, **options):
        raise AssertionError("this comes after the check of all arguments")

    monkeypatch.setattr(network_options, "find_weights", fail)
    monkeypatch.setattr(network_options, "open_backend", fail)
    monkeypatch.setattr(folders, "is_file", fail)


def test_every_argument_is_walked():
    parameters = inspect.signature(rife).parameters
    assert list(WRONG) == list(parameters)
    assert {each.name for each in arguments.ALL} == set(parameters)


def test_defaults_are_said_once():
    """Those of the signature, which scripts see, are those that tables are made of."""
    for each in arguments.ALL:
        default = inspect.signature(rife).parameters[each.name].default
        assert each.name == "clip" or each.default == default, each.name
        # and they can be had
        assert each.name == "clip" or each.read(default) == default
    assert NetworkOptions().model is None


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda x: f"{x!r:.30}")
def test_a_wrong_argument_is_named_with_its_value_and_what_is_allowed(
    name, value, untouched, monkeypatch
):
    if name == "model" and isinstance(value, str):  # a name may be among the user's files
        monkeypatch.setattr(folders, "is_file", lambda path: False)
    with pytest.raises(vs.Error) as caught:
        call(name, value)
    message = str(caught.value)
    assert message.startswith("rife: ")
    assert "\n" not in message
    assert name in message
    assert "too many digits" in message or any(each in message for each in shown(name, value))
    assert any(word in message for word in (" must ", "; ", "names no device", "the last of them"))


def shown(name, value):
    """What of a value a message may show: all of it, or the one item that is wrong."""
    if isinstance(value, vs.VideoNode):
        return [value.format.name]
    items = value if isinstance(value, list | tuple) else [value]
    return [f"{value!r:.8}", *(repr(item) for item in items)]


@pytest.mark.parametrize(("clip", "given", "message"), TOGETHER)
def test_what_does_not_go_together_is_said_with_the_way_out(clip, given, message, untouched):
    with pytest.raises(vs.Error, match=rf"^rife: [^\n]*{message}[^\n]*$"):
        rife(clip, **given)


@pytest.mark.parametrize("model", ["no/such.pth", "4.25", "some-name-of-mine"])
def test_an_argument_is_reported_rather_than_a_missing_model(model, untouched):
    for name, value in CASES:
        if name in ("clip", "model"):
            continue
        with pytest.raises(vs.Error, match=f"^rife: .*{name}"):
            rife(clip_for(name), **{"model": model, "sc": name == "sc_clip", **{name: value}})
    for clip, given, message in TOGETHER:
        if "ensemble" not in given:
            with pytest.raises(vs.Error, match=f"^rife: .*{message}"):
                rife(clip, **{"model": model} | given)


FRESH = """
import difflib, os, sys  # the first is imported for the first guess of a word
import vapoursynth as vs
from tests.support.wrong_arguments import CASES, TOGETHER, call, rife

touched, listening = [], False
WATCHED = ("open", "os.listdir", "os.scandir", "os.mkdir", "socket.connect", "subprocess.Popen")

NAMES = ("4.27", "nano2", "")  # which may be the user's own

def hear(event, arguments):
    if listening and event in WATCHED:
        touched.append((event, arguments[0]))

def stat(path, *rest, **more):
    if listening:
        touched.append(("stat", path))
    return real(path, *rest, **more)

real, os.stat = os.stat, stat
sys.addaudithook(hear)
try:
    call("fps", "x")  # what is imported on the way
except vs.Error:
    pass
calls = [lambda n=n, v=v: call(n, v) for n, v in CASES if n != "replace" and v not in NAMES]
calls += [lambda c=c, g=g: rife(c, **g) for c, g, _ in TOGETHER]
wrong = 0
for each in calls:
    listening = True
    try:
        each()
    except vs.Error:
        wrong += 1
    listening = False
print(wrong == len(calls), touched, sorted({"torch", "onnxruntime", "openvino"} & set(sys.modules)))
"""


def test_no_file_is_touched_and_no_backend_imported_for_a_wrong_argument():
    done = subprocess.run(
        [sys.executable, "-c", FRESH], capture_output=True, text=True, cwd=ROOT, env=os.environ
    )
    assert (done.stdout, done.stderr) == ("True [] []\n", "")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("factor_num", np.int64(3), 3),
        ("factor", "5/2", Fraction(5, 2)),
        ("ensemble", np.True_, True),
        ("trt", 0, False),
        ("sc", 1, True),
        ("sc", "adaptive", "adaptive"),
        ("scale", np.float32(0.5), 0.5),
        ("scale", 2, 2.0),
        ("sc_threshold", 1, 1.0),
        ("sc_threshold", None, None),
        ("trt_min_shape", [64, 32], (64, 32)),
        ("trt_cache_dir", Path("engines"), "engines"),
        ("matrix", "709", 1),
        ("matrix", vs.MATRIX_BT709, 1),
        ("color_range", "full", 1),
        ("duplicates_span", 24, 24),
        ("threads", 1024, 1024),
    ],
)
def test_right_values_are_read_in_their_own_type(name, value, read):
    option = next(each for each in arguments.ALL if each.name == name)
    found = option.read(value)
    assert (found, type(found)) == (read, type(read))


def test_the_table_has_a_row_for_every_argument():
    rows = arguments.as_markdown().splitlines()[2:]
    assert sorted(row.split("`")[1] for row in rows) == sorted(WRONG)
    assert "| `duplicates_span` | `5` | 2 to 24 | longest run" in "\n".join(rows)
    assert '| `sc_mode` | `"hold"` | "hold", "nearest", "blend" |' in "\n".join(rows)
    assert all(row.count("|") == 5 for row in rows)
    assert "duplicates_span: 2 to 24\n        longest run of equal frames" in rife.__doc__
