"""The step after a flow-only file, docs/examples/warp: in numpy against torch, in GLSL for real."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.network.tflite_cases import frames, psnr
from vsrife.network.ifnet import Refined, blend
from vsrife.network.operations.torch.torch_operations import TorchOperations

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "warp"
WARP = runpy.run_path(str(EXAMPLES / "warp.py"))


def by_operations(left, right, flow, mask):
    """The same by the torch target; all (1, C, H, W)."""
    height, width = left.shape[2:]
    ops = TorchOperations((width, height))
    left, right, flow, mask = map(torch.from_numpy, (left, right, flow, mask))
    pair = ops.warp(ops.stack(left, right), ops.resize(flow, 2))
    # blend reads a logit
    return blend(ops, Refined(pair, flow, torch.logit(ops.resize(mask, 2))))[0].numpy()


def by_numpy(*tensors):
    left, right, flow, mask = (np.moveaxis(x[0], 0, -1) for x in tensors)
    return np.moveaxis(WARP["new_frame"](left, right, flow, mask), -1, 0)[None]


def case(seed=0, reach=20.0):
    """Random flow far beyond the edges, too."""
    size = (96, 64)
    numbers = np.random.default_rng(seed)
    flow = numbers.uniform(-reach, reach, (1, 4, 32, 48)).astype(np.float32)
    mask = numbers.uniform(0.02, 0.98, (1, 1, 32, 48)).astype(np.float32)
    return (*frames(size), flow, mask)


@pytest.mark.parametrize("seed", range(3))
def test_the_reference_in_numpy_is_the_last_step_of_the_network(seed):
    tensors = case(seed)
    assert np.abs(by_numpy(*tensors) - by_operations(*tensors)).max() < 1e-4


def test_whole_pixels_of_flow_move_a_picture_by_them():
    picture = np.random.default_rng(0).random((1, 3, 8, 8)).astype(np.float32)
    flow = np.zeros((1, 4, 4, 4), np.float32)
    flow[:, 0], flow[:, 1] = 2, -1  # from there into the left picture: right, up
    moved = by_numpy(picture, 1 - picture, flow, np.ones((1, 1, 4, 4), np.float32))
    assert np.allclose(moved[..., 1:, :6], picture[..., :7, 2:], atol=1e-6)
    other = by_numpy(picture, 1 - picture, flow, np.zeros((1, 1, 4, 4), np.float32))
    assert np.allclose(other, 1 - picture, atol=1e-6)


def test_smooth_flow_loses_little_at_half_size():
    left, right = frames((96, 64))
    y, x = np.mgrid[:64, :96].astype(np.float32)
    planes = [5 * np.sin(x / 20), 4 * np.cos(y / 15), 3 - x / 30, 6 * np.sin((x + y) / 25)]
    ops, flow = TorchOperations((96, 64)), torch.from_numpy(np.stack(planes)[None])
    mask = ops.add(torch.zeros(1, 1, 64, 96), 0.4)
    pair = ops.stack(torch.from_numpy(left), torch.from_numpy(right))
    wanted = blend(ops, Refined(ops.warp(pair, flow), flow, mask))[0].numpy()
    halves = ops.resize(flow, 0.5), ops.sigmoid(ops.resize(mask, 0.5))
    found = by_numpy(left, right, *(half.numpy() for half in halves))
    assert psnr(found, wanted) > 50
    assert psnr(0.6 * left + 0.4 * right, wanted) < 25


# In a process of its own: a driver's LLVM and that of PyTorch's compiler do not go together, and
# it would write into HOME
DRAW = """
import sys
from pathlib import Path
import moderngl
import numpy as np
shader, given, drawn = map(Path, sys.argv[1:])
try:
    gl = moderngl.create_context(standalone=True, require=330, backend="egl")
except Exception as error:  # no EGL, or no driver
    sys.exit(f"nothing draws here: {error}")
triangle = "#version 300 es\\nin vec2 at; void main() { gl_Position = vec4(at, 0.0, 1.0); }"
program = gl.program(triangle, shader.read_text(encoding="utf-8"))
inputs = np.load(given)
for unit, name in enumerate(inputs.files):
    pixels = np.ascontiguousarray(np.moveaxis(inputs[name][0], 0, -1))
    height, width, channels = pixels.shape
    texture = gl.texture((width, height), channels, pixels.tobytes(), dtype="f4")
    texture.filter, texture.repeat_x, texture.repeat_y = (gl.LINEAR, gl.LINEAR), False, False
    texture.use(unit)
    program[name] = unit
height, width = inputs["left_frame"].shape[2:]
target = gl.framebuffer([gl.texture((width, height), 4, dtype="f4")])
target.use()
corners = gl.buffer(np.array([-1, -1, 3, -1, -1, 3], np.float32).tobytes())
gl.vertex_array(program, [(corners, "2f", "at")]).render(moderngl.TRIANGLES)
seen = np.frombuffer(target.read(components=4, dtype="f4"), np.float32)
np.save(drawn, np.moveaxis(seen.reshape(height, width, 4)[..., :3], -1, 0)[None])
"""


def by_shader(folder, left, right, flow, mask):
    """warp.frag on whatever draws here; skipped where nothing does."""
    pytest.importorskip("moderngl")
    given, drawn = folder / "given.npz", folder / "drawn.npy"
    np.savez(given, left_frame=left, right_frame=right, flow=flow, mask=mask)
    command = [sys.executable, "-c", DRAW, EXAMPLES / "warp.frag", given, drawn]
    quiet = {**os.environ, "MESA_SHADER_CACHE_DISABLE": "true"}
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, timeout=120)
    if "nothing draws here" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return np.load(drawn)


def test_the_shader_draws_what_the_reference_computes(tmp_path):
    tensors = case(reach=12.0)
    # samplers know places between pixels in steps of 1/256, of flow and then of the pictures
    assert np.abs(by_shader(tmp_path, *tensors) - by_numpy(*tensors)).max() < 0.02


def test_both_shaders_have_the_same_inputs():
    texts = [(EXAMPLES / name).read_text(encoding="utf-8") for name in ("warp.frag", "warp.metal")]
    for word in ("left_frame", "right_frame", "flow", "mask", "new_frame", "size.xyxy"):
        assert all(word in text for text in texts)
