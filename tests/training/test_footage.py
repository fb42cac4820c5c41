from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch

from vsrife.errors import ArgumentError, MediaError
from vsrife.media.stills.pictures import (
    decode_clip,
    draw_animation,
    planes_to_rgb,
    read_photo,
    through_yuv420,
)
from vsrife.training.material import batches
from vsrife.training.material import footage as footage_module
from vsrife.training.material.batches import Mixer, augment, believed, static_points
from vsrife.training.material.drawn_scenes import Scenes
from vsrife.training.material.footage import prepare

WIDTH, HEIGHT = 208, 176


def picture(shift: int) -> np.ndarray:
    """A coloured ramp and a square that moves `shift` pixels to the right."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack((x, y, 255 - x), -1).astype(np.uint8)
    image[60:120, 20 + shift : 80 + shift] = (250, 20, 30)
    return image


def write_video(path: Path, pictures: list[np.ndarray], codec: str, pixels: str) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        for image in pictures:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def square_animation() -> dict[str, Any]:
    """A red square of 40 that moves from the left to the right in 60 frames."""
    centre = {
        "a": 1,
        "k": [
            {"t": 0, "s": [40, 100], "e": [160, 100], "i": {"x": 1, "y": 1}, "o": {"x": 0, "y": 0}},
            {"t": 60, "s": [160, 100]},
        ],
    }
    fixed: dict[str, Any] = {"a": 0, "k": [0, 0]}
    whole: dict[str, Any] = {"a": 0, "k": [100, 100]}
    shapes = [
        {"ty": "rc", "p": fixed, "s": {"a": 0, "k": [40, 40]}, "r": {"a": 0, "k": 0}, "d": 1},
        {"ty": "fl", "c": {"a": 0, "k": [1, 0, 0, 1]}, "o": {"a": 0, "k": 100}, "r": 1},
    ]
    turn, solid = {"a": 0, "k": 0}, {"a": 0, "k": 100}
    layer = {
        "ty": 4,
        "ind": 1,
        "ip": 0,
        "op": 60,
        "st": 0,
        "sr": 1,
        "bm": 0,
        "ddd": 0,
        "ks": {"o": solid, "r": turn, "p": centre, "a": fixed, "s": whole},
        "shapes": shapes,
    }
    return {"v": "5.5.0", "fr": 30, "ip": 0, "op": 60, "w": 200, "h": 200, "layers": [layer]}


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder with one photograph, one clip and one broken animation."""
    folder = tmp_path / "media"
    for name in ("photos", "clips", "lottie"):
        (folder / name).mkdir(parents=True)
    big = np.tile(picture(0), (2, 2, 1))
    from_picture = av.VideoFrame.from_ndarray(big, format="rgb24")
    with av.open(str(folder / "photos" / "a.png"), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = big.shape[1], big.shape[0], "rgb24"
        container.mux(stream.encode(from_picture))
    moving = [picture(4 * i) for i in range(24)]
    write_video(folder / "clips" / "a.mkv", moving, "ffv1", "yuv420p")
    (folder / "lottie" / "broken.json").write_text("{")
    return folder


def test_a_clip_decodes_to_the_colours_that_were_written(media: Path) -> None:
    frames = list(decode_clip(media / "clips" / "a.mkv"))
    assert len(frames) == 24
    assert frames[3].shape == (HEIGHT, WIDTH, 3)
    error = np.abs(frames[3].astype(int) - picture(12))
    assert np.median(error) <= 2
    assert error[70:110, 40:80].max() <= 4  # inside of the square, away from blurred chroma


def test_a_photograph_reads_exactly(media: Path) -> None:
    assert np.array_equal(read_photo(media / "photos" / "a.png")[:HEIGHT, :WIDTH], picture(0))


@pytest.mark.parametrize(("full", "luma"), [(False, (16, 126, 235)), (True, (0, 128, 255))])
def test_luma_alone_is_grey_from_black_to_white(full: bool, luma: tuple[int, ...]) -> None:
    chroma = np.full((1, 2), 128, np.uint8)
    rgb = planes_to_rgb(np.array([luma] * 2, np.uint8), chroma, chroma, full=full)
    assert rgb[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


def test_subsampling_keeps_plain_colours_and_blurs_only_coloured_edges() -> None:
    after = through_yuv420(picture(0)).astype(int)
    error = np.abs(after - picture(0))
    assert error[70:110, 30:70].max() <= 3
    assert np.median(error) <= 2
    assert error.max() > 20


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "no.mkv"
    path.write_bytes(b"no video")
    with pytest.raises(MediaError, match=r"no\.mkv"):
        list(decode_clip(path))
    with pytest.raises(MediaError, match=r"no\.mkv"):
        read_photo(path)


def test_footage_is_cut_once_and_drawn_in_order(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    footage = prepare(media, tmp_path / "cache")
    assert not footage.has("animations")
    windows = footage.windows["clips"]
    assert windows.shape[1:] == (9, 160, 160, 3)
    assert len(footage.photos) == 1
    monkeypatch.setattr(footage_module, "decode_clip", lambda path: pytest.fail("cut again"))
    prepare(media, tmp_path / "cache")
    times, ways = set(), set()
    for seed in range(30):
        frames, t = footage.draw(torch.Generator().manual_seed(seed), "clips", 96)
        assert frames.shape == (3, 3, 96, 96)
        assert frames.min() >= 0
        assert frames.max() <= 1
        times.add(t)
        # the square, the only thing in these colours, goes right: backwards is to the left
        reds = [(frame[0] - frame[1:].sum(0) > 0.5).float().sum(0) for frame in frames]
        if min(red.sum() for red in reds) > 0:
            left, right = (float((red * torch.arange(96)).sum() / red.sum()) for red in reds[::2])
            ways.add(left < right)
        far = [(frames[i] - frames[1]).abs().mean() for i in (0, 2)]
        if t != 0.5 and max(far) > 0.02:  # else what moves is outside
            assert (far[0] < far[1]) == (t < 0.5)
    assert 0.5 in times
    assert len(times) >= 3
    assert all(0 < t < 1 for t in times)
    assert ways == {True, False}


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"folder of media, not '.*nowhere'"):
        prepare(tmp_path / "nowhere", tmp_path)


def test_an_animation_is_drawn_frame_by_frame_over_its_ground(tmp_path: Path) -> None:
    pytest.importorskip("rlottie_python")
    path = tmp_path / "square.json"
    path.write_text(json.dumps(square_animation()))
    frames = draw_animation(path, 100, (10, 200, 30), start=0.1, step=2, limit=9)
    assert frames.shape == (9, 100, 100, 3)
    assert frames[0, 2, 2].tolist() == [10, 200, 30]
    centres = [np.mean(np.nonzero(frame[..., 0] > 200)[1]) for frame in frames]
    # 60 pixels of the drawing in 60 frames, two of them for each step
    assert np.diff(centres).tolist() == pytest.approx([2.0] * 8, abs=0.3)
    colour = frames[0, 50, round(centres[0])].tolist()
    assert colour == [255, 0, 0]


def test_a_broken_animation_is_named(media: Path) -> None:
    pytest.importorskip("rlottie_python")
    with pytest.raises(MediaError, match=r"broken\.json"):
        draw_animation(media / "lottie" / "broken.json", 64, (0, 0, 0))


def test_animations_become_windows_of_footage(media: Path, tmp_path: Path) -> None:
    pytest.importorskip("rlottie_python")
    (media / "lottie" / "square.json").write_text(json.dumps(square_animation()))
    footage = prepare(media, tmp_path / "cache")
    assert footage.has("animations")
    assert footage.windows["animations"].shape[1:] == (9, 160, 160, 3)


def test_footage_in_mixed_batches_has_no_flow_but_that_of_static_points(
    scenes: Scenes, media: Path, tmp_path: Path
) -> None:
    mixer = Mixer(scenes, prepare(media, tmp_path / "cache"), 12, 96)
    assert mixer.footage is not None
    batch = mixer.draw(torch.Generator().manual_seed(1))
    filmed = (batch.flow == 0).all(3).all(2).all(1)
    assert 0 < int(filmed.sum()) < len(batch.truth)
    seen = batch.visible[filmed]
    assert torch.equal(seen[:, 0], seen[:, 1])
    change = (batch.img1 - batch.img0).abs().amax(1)[filmed]
    assert change[seen[:, 0] > 0].amax() < 0.05
    assert 0 < seen.mean() < 1


def test_pictures_too_large_for_footage_are_all_generated(
    scenes: Scenes, media: Path, tmp_path: Path
) -> None:
    mixer = Mixer(scenes, prepare(media, tmp_path / "cache"), 2, 192)
    batch = mixer.draw(torch.Generator().manual_seed(1))
    assert batch.truth.shape == (2, 3, 192, 192)


def test_a_teachers_flow_is_believed_where_it_makes_the_truth() -> None:
    truth = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    left, right = truth.roll(-3, 3), truth.roll(3, 3)
    flow = torch.tensor([-3.0, 0, 3, 0]).view(1, 4, 1, 1).repeat(1, 1, 64, 64)
    flow[:, :2, :32] = 5  # wrong in the upper half of the left image
    seen = believed(left, right, truth, flow)[0, :, :, 8:-8]
    assert seen[0, 36:].min() == seen[1].min() == 1
    assert seen[0, :28].max() == 0


def test_of_a_blur_a_teachers_flow_is_believed_where_standing_still_is_far_worse() -> None:
    truth = torch.zeros(1, 3, 64, 64)
    truth[..., 20:40] = 0.5
    left, right = truth.roll(-20, 3), truth.roll(20, 3)
    left, right = left * 0.9, right * 0.7  # it gets darker: no flow makes the truth
    flow = torch.tensor([-20.0, 0, 20, 0]).view(1, 4, 1, 1).repeat(1, 1, 64, 64)
    inside = slice(24, 36)  # of the strip, which is 0.5 off by standing still
    assert believed(left, right, truth, flow)[0, :, 8:-8, inside].min() == 1  # 0.05 and 0.15 off
    assert believed(left, right * 0.6, truth, flow)[0, 1, 8:-8, inside].max() == 0  # 0.29


def test_what_moves_fast_is_drawn_more_often(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(footage_module.LIMITS, "clips", 2)
    still = [picture(0) for _ in range(80)]
    for i, image in enumerate(still):
        image[0, 0] = i  # nothing to see, but no copy
    write_video(media / "clips" / "b.mkv", still, "ffv1", "yuv420p")
    footage = prepare(media, tmp_path / "cache")
    reds = [window.astype(int) for window in footage.windows["clips"]]
    assert all(np.abs(window[1:] - window[:-1]).max() > 100 for window in reds)  # of a.mkv alone
    speed = footage.speeds["clips"]
    assert speed.shape == (2, 8)
    monkeypatch.setitem(footage.speeds, "clips", np.eye(8, dtype=np.float32)[[5, 5]])
    monkeypatch.setitem(footage_module.SPANS, "clips", (2,))
    picked = {
        footage_module._pick_frames([0, n / 50, 0, 0, 0], "clips", footage.speeds["clips"][0])
        for n in range(50)
    }
    assert picked == {(4, 5, 6), (5, 6, 7)}  # those that the fast step, from 5 to 6, is part of


def test_every_second_crop_is_where_something_moves(
    scenes: Scenes, media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def teacher(left: torch.Tensor, right: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """A fast corner, to the right at the bottom, and where in the window a point is."""
        flow = left.new_zeros(len(left), 4, *left.shape[2:])
        flow[:, 2, 144:, 144:] = 30
        flow[:, 1], flow[:, 3] = (torch.linspace(1, 2, left.shape[2])[:, None],) * 2
        return flow

    monkeypatch.setattr(batches, "STILL", 0.0)  # else a still place is chosen now and then
    mixer = Mixer(scenes, prepare(media, tmp_path / "cache"), 24, 96)
    mixer.teacher = teacher  # type: ignore[assignment]
    batch = mixer.draw(torch.Generator().manual_seed(2))
    filmed = (batch.flow[:, 1, :, :1] == batch.flow[:, 3, :, :1]).flatten(1).all(1)
    flow = batch.flow[filmed & (batch.flow[:, 1, 0, 0] >= 1)]
    fast = (flow[:, 2] == 30).flatten(1).any(1)
    assert fast[1::2].all()
    assert not fast[::2].all()


def test_a_teacher_sees_whole_windows_and_crops_know_what_leaves_them(
    scenes: Scenes, media: Path, tmp_path: Path
) -> None:
    seen = []

    def teacher(left: torch.Tensor, right: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        """10 pixels to the left image's right, and where in the window a point is."""
        seen.append(left.shape)
        place = torch.linspace(-1, 1, left.shape[3]).view(1, 1, 1, -1).expand_as(left[:, :1])
        return torch.cat((place + 10, 0 * place, place, 0 * place), 1)

    mixer = Mixer(scenes, prepare(media, tmp_path / "cache"), 12, 96)
    mixer.teacher = teacher  # type: ignore[assignment]
    batch = mixer.draw(torch.Generator().manual_seed(1))
    filmed = (batch.flow[:, 1] == 0).all(2).all(1)
    assert [shape[1:] for shape in seen] == [(3, 160, 160)]
    assert len(batch.truth) == 12
    assert int(filmed.sum()) in (2 * seen[0][0], 2 * seen[0][0] - 1)
    flow, visible = batch.flow[filmed], batch.visible[filmed]
    assert len(flow[:, 0, 0, 0].unique()) > 1  # crops of several places
    assert visible[:, 0, :, :80].amax() == 1
    assert visible[:, 0, :, -9:].amax() == 0  # in the window, but not in the crop
    assert visible[:, 1, :, -9:-1].amax() == 1


def test_noise_stands_still_and_a_moving_edge_does_not() -> None:
    frames = torch.full((3, 1, 3, 40, 40), 0.5)
    frames += 0.004 * torch.randn(frames.shape, generator=torch.Generator().manual_seed(0))
    frames[2, :, :, :, 30] = 1  # a line that only the right image has
    frames[1, :, :, 5, 5] = 0.7  # a lone point that only the truth has
    still = static_points(frames)
    assert still.shape == (1, 1, 40, 40)
    assert still[..., 12:, :25].min() == 1
    assert still[..., 5, 5] == 0
    assert still[..., 27:34].max() == 0


def test_augmentation_treats_the_three_frames_alike() -> None:
    frame = torch.rand((3, 32, 32), generator=torch.Generator().manual_seed(0))
    results = set()
    for seed in range(12):
        out = augment(torch.Generator().manual_seed(seed), torch.stack([frame] * 3))
        assert torch.equal(out[0], out[1])
        assert torch.equal(out[0], out[2])
        results.add(round(float(out[0, 0, 0, 0]), 5))
    assert len(results) > 4
