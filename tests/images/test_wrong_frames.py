"""What is wrong is said in one line: the argument, its value, what is allowed, the way out."""

import struct
import zlib

import numpy as np
import pytest

from vsrife import Interpolator, interpolate
from vsrife.errors import ArgumentError, MediaError, ModelError, RifeError

GOOD = np.zeros((48, 64, 3), np.uint8)
PAIR = [GOOD, GOOD + 9]


@pytest.fixture
def opened(network):
    """Networks that were opened."""
    return network.opened


OPTIONS = [
    ({"factor": 0}, 'factor must be a positive int, Fraction or text such as "60000/1001", not 0'),
    (
        {"factor": 2.5},
        'factor must be a positive int, Fraction or text .*, not 2.5; write "2.5"',
    ),
    ({"factor": float("nan")}, "factor must be a positive int, .*, not nan$"),
    ({"factor": -1}, "factor must be a positive"),
    ({"factor": [2, 0]}, r"factor\[1\] must be at least 1 and a whole number, not 0"),
    ({"factor": 2, "count": 3}, "factor and count exclude each other; give one of them"),
    ({"times": [0], "timesteps": [0.5]}, "timesteps and times exclude each other"),
    ({"count": 0}, "count must be at least 1 and a whole number, not 0"),
    ({"timesteps": [0.5, 0.5]}, "timesteps must be .* numbers above 0 and below 1 that rise"),
    ({"timesteps": [0, 0.5]}, "timesteps must be a list of numbers above 0 and below 1"),
    ({"timesteps": 0.5}, "timesteps must be a list .*, not 0.5"),
    ({"times": []}, r"times must be a list of numbers from 0 on that never fall.*, not \[\]"),
    ({"times": [0, 2, 1]}, r"times must be .*; times\[2\] is 1, after 2"),
    ({"times": [0, float("nan")]}, r"times\[1\] is nan"),
    ({"times": [-1]}, r"times\[0\] is -1"),
    ({"times": (n for n in range(3))}, "times must be a list of numbers from 0 on"),
    ({"loop": "yes"}, "loop must be True or False, not 'yes'"),
    ({"sc": "best"}, "sc must be True, False or \"adaptive\", not 'best'"),
    ({"sc_threshold": 2}, "sc_threshold must be a number between 0 and 1, not 2"),
    ({"sc_mode": "blend"}, "sc_mode='blend' has nothing to act on; add sc=True"),
    ({"confidence": -1}, "confidence must be a number between 0 and 1"),
    ({"duplicates": "drop"}, "duplicates must be one of fill, skip, not 'drop'"),
    ({"duplicates_span": 99}, "duplicates_span must be at most 24, not 99"),
    ({"layout": "NHWC"}, "layout must be one of HWC, CHW, not 'NHWC'"),
    ({"value_range": (1, 0)}, r"value_range must be a pair \(black, white\), .*, not \(1, 0\)"),
    ({"value_range": 255}, "value_range must be a pair"),
    ({"folder": 3}, "folder must be a folder's path or None, not 3"),
    ({"folder": "new"}, "folder='new' is for frames that are paths, not ndarray; leave it out"),
    ({"model": "4.99"}, "model must be one of .*, not '4.99'"),
    ({"backend": "cuda"}, "backend must be one of .*, not 'cuda'"),
    ({"backend": "opnvino"}, "not 'opnvino'; did you mean openvino\\?$"),
    ({"layout": "hwc"}, "layout must be one of HWC, CHW, not 'hwc'; did you mean HWC\\?$"),
    ({"device": "gpu", "backend": "pytorch"}, "device must be one of .* not 'gpu'"),
    ({"scale": 3}, "scale must be .*, not 3"),
    ({"ensemble": True, "model": "4.25"}, "ensemble"),
    ({"num_streams": 2, "backend": "pytorch"}, "num_streams=2 is not for backend 'pytorch'"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=lambda v: str(v)[:40])
def test_options_are_checked_at_the_call(opened, options, message):
    with pytest.raises(ValueError, match=message) as info:
        interpolate(PAIR, **options)
    assert isinstance(info.value, ArgumentError)
    assert "\n" not in str(info.value)
    assert not opened


def test_an_unknown_option_is_a_type_error_with_the_nearest_name():
    with pytest.raises(TypeError, match="'fator'; did you mean factor"):
        interpolate(PAIR, fator=3)
    with pytest.raises(TypeError, match="unexpected keyword argument 'speed'"):
        Interpolator(speed=3)


SEQUENCES = [
    ([], "frames must be at least one frame"),
    (np.zeros((0, 48, 64, 3), np.uint8), "frames must be at least one frame"),
    ("in.png", "must be several frames in a list or a generator, not the path 'in.png'"),
    (GOOD, r"must be several frames, .*, not one array \(48, 64, 3\); put single frames in a list"),
    (np.zeros((48, 64), np.uint8), "must be several frames"),
    ({"a": GOOD}, "must be several frames in a list or a generator, not dict"),
    (None, "must be frames in a list, an array or a generator, not NoneType: None"),
    (7, "must be frames in a list, an array or a generator, not int: 7"),
]


@pytest.mark.parametrize(("frames", "message"), SEQUENCES, ids=lambda v: str(v)[:30])
def test_what_gives_no_frames_is_said_at_the_call(opened, frames, message):
    with pytest.raises(ValueError, match=message):
        interpolate(frames)
    assert not opened


def test_a_generator_that_gives_nothing_is_said_when_it_is_known(opened):
    found = interpolate(iter(()))
    with pytest.raises(ValueError, match="frames must be at least one frame"):
        next(found)
    assert not opened


FRAMES = [
    (
        GOOD.astype(np.int32),
        "samples of uint8, uint16, float16, bfloat16, float32 or float64, not int32",
    ),
    (GOOD.astype(bool), "not bool; convert them"),
    (np.zeros((48, 64, 5), np.uint8), r"\(H, W\), not \(48, 64, 5\)"),
    (np.zeros((2, 3, 48, 64, 3), np.uint8), r"not \(2, 3, 48, 64, 3\)"),
    (np.zeros((0, 64, 3), np.uint8), r"frame 0 must have pixels, not the shape \(0, 64, 3\)"),
    (np.zeros(9, np.uint8), r"not \(9,\)"),
    ([[1, 2], [3, 4]], "arrays, PIL images, PyTorch tensors or paths, not list"),
    (None, "not NoneType: None"),
]


@pytest.mark.parametrize(("frame", "message"), FRAMES, ids=lambda v: str(v)[:30])
def test_the_first_frame_must_be_an_image(opened, frame, message):
    for frames in ([frame, frame], iter([frame])):
        with pytest.raises(ValueError, match=message):
            list(interpolate(frames))
    assert not opened


UNLIKE = [
    (GOOD[:, 1:], r"an array of uint8 \(48, 64, 3\), not an array of uint8 \(48, 63, 3\)"),
    (GOOD.astype(np.uint16), "not an array of uint16"),
    (GOOD[..., :1], r"\(48, 64, 1\); convert it"),
    (None, "not NoneType: None"),
    ("in.png", "not the path 'in.png'"),
]


@pytest.mark.parametrize(("frame", "message"), UNLIKE, ids=lambda v: str(v)[:30])
def test_frames_must_be_alike(opened, frame, message):
    with pytest.raises(ValueError, match=f"frame 2 must be like frame 0, .*{message}"):
        interpolate([*PAIR, frame])
    assert not opened
    found = interpolate(iter([*PAIR, frame]))
    assert [next(found).shape for _ in range(3)] == [GOOD.shape] * 3  # what could be made came out
    with pytest.raises(ValueError, match="frame 2 must be like frame 0"):
        next(found)


def test_kinds_are_not_mixed(opened):
    from PIL import Image

    with pytest.raises(ValueError, match="a PIL image RGB 64x48, not ndarray"):
        interpolate([Image.fromarray(GOOD), GOOD])
    with pytest.raises(ValueError, match="not a PIL image RGB 63x48"):
        interpolate([Image.fromarray(GOOD), Image.new("RGB", (63, 48))])
    for mode, instead in (("P", "RGBA"), ("I", "I;16"), ("LAB", "RGB")):
        text = rf'not {mode}; convert\("{instead}"\) makes one'
        with pytest.raises(ValueError, match=text):
            interpolate([Image.new(mode, (64, 48))])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), r"frame 1 has samples that are infinite or not a number \(NaN\)"),
        (float("inf"), "frame 1 has samples that are infinite"),
        (200.0, r"frame 1 has samples from 0 to 200, beyond value_range=\(0, 1\)"),
        (-1.0, r"frame 1 has samples from -1 to 0, beyond value_range=\(0, 1\); say which"),
    ],
)
def test_floats_that_cannot_be_meant_are_refused(opened, value, message):
    for make in _floats():
        frames = [make(0.0), make(value)]
        with pytest.raises(ValueError, match=message):
            list(interpolate(frames))


def test_a_little_overshoot_is_no_error(opened):
    for make in _floats():
        assert len(list(interpolate([make(-0.04), make(1.04)]))) == 3


def _floats():
    """Makers of float frames that are 0 but for one sample."""

    def array(value):
        frame = np.zeros((48, 64, 3), np.float32)
        frame[40, 3, 1] = value
        return frame

    def tensor(value):
        import torch

        return torch.from_numpy(array(value))

    return array, tensor


# Files


def png16(path):
    """A PNG file with 16 bits a channel, which Pillow cannot write."""
    rows = b"".join(b"\0" + bytes(64 * 3 * 2) for _ in range(48))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    ))  # fmt: skip
    return path


@pytest.fixture
def files(tmp_path):
    from PIL import Image

    paths = [tmp_path / f"{n}.png" for n in range(3)]
    for n, path in enumerate(paths):
        Image.new("RGB", (64, 48), (n, n, n)).save(path)
    return paths


def test_paths_need_a_folder_for_new_frames(files, opened):
    with pytest.raises(ValueError, match=r"frame 0 is the path .*, so folder= must say where"):
        interpolate(files)
    assert not opened


def test_a_folder_with_something_in_it_is_refused(files, opened):
    folder = files[0].parent
    with pytest.raises(
        ValueError, match=r"must be empty, and has '\d.png' in it; empty it, or name another"
    ):
        interpolate(files, folder=folder)
    with pytest.raises(ValueError, match="folder must be a folder that can be read"):
        interpolate(files, folder=files[0])
    assert not opened
    assert sorted(folder.iterdir()) == files


def test_a_missing_file_is_said_at_the_call(files, tmp_path, opened):
    files[2].unlink()
    with pytest.raises(ValueError, match=r"frame 2 must be a file that exists, not '.*2\.png'"):
        interpolate(files, folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_damaged_file_is_one_line(files, tmp_path, opened):
    files[2].write_bytes(files[2].read_bytes()[:60])
    found = interpolate(files, folder=tmp_path / "new")
    kept = [next(found) for _ in range(3)]
    with pytest.raises(MediaError, match=r"cannot read the picture '.*2\.png': it is damaged"):
        next(found)
    assert kept[1].is_file()


def test_samples_that_pillow_would_cut_are_refused(files, tmp_path, opened):
    deep = [png16(tmp_path / f"deep{n}.png") for n in range(2)]
    with pytest.raises(ValueError, match="has 16 bits a channel, of which Pillow reads 8"):
        interpolate(deep, folder=tmp_path / "new")


def test_a_file_that_appears_meanwhile_is_not_replaced(files, tmp_path, opened):
    folder = tmp_path / "new"
    found = interpolate(files, folder=folder)
    for _ in range(3):
        next(found)
    (folder / "00000003.png").write_bytes(b"precious")
    with pytest.raises(MediaError, match="exists and is not replaced; name an empty folder"):
        next(found)
    assert (folder / "00000003.png").read_bytes() == b"precious"


def test_a_folder_that_cannot_be_made_is_one_line(files, tmp_path, opened):
    folder = files[0] / "inside"  # of a file
    with pytest.raises((MediaError, ValueError), match=r"inside") as info:
        list(interpolate(files, folder=folder))
    assert isinstance(info.value, RifeError)


def test_a_model_that_is_not_here_is_said_before_a_frame_comes_out():
    with pytest.raises(ModelError, match=r"vsrife models fetch 4\.25"):
        interpolate(PAIR, model="4.25")
    found = interpolate(iter(PAIR), model="4.25")
    with pytest.raises(ModelError):
        next(found)


def test_help_lists_every_option():
    import inspect

    from vsrife.images.asking import OPTIONS, Wishes

    names = [each.name for each in OPTIONS]
    assert sorted(inspect.signature(interpolate).parameters) == sorted(["frames", *names])
    assert sorted({*Wishes.__annotations__, "factor"}) == sorted(names)
    assert all(f"    {name}: " in interpolate.__doc__ for name in names)
