"""Tiny folders laid out like the data sets: which samples are drawn from them, and which never."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from vsrife.errors import ArgumentError, MediaError
from vsrife.training.material import footage as footage_module
from vsrife.training.material.batches import Mixer
from vsrife.training.material.datasets import LONGEST, find_datasets, find_videos
from vsrife.training.material.drawn_scenes import Scenes
from vsrife.training.material.footage import prepare

WIDTH, HEIGHT = 48, 32
TEST = 250  # level of what must never be seen


def write_picture(
    path: Path, level: int, size: tuple[int, int] = (WIDTH, HEIGHT), edge: int | None = None
) -> None:
    """Grey up to column `edge`, by default the middle, and black from there on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[:, : size[0] // 2 if edge is None else edge] = level
    codec, pixels = ("png", "rgb24") if path.suffix == ".png" else ("mjpeg", "yuvj444p")
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(stream.encode())


def write_frames(folder: Path, names: Iterable[str], first: int, step: int) -> None:
    for i, name in enumerate(names):
        write_picture(folder / name, first + i * step)


def triplets(root: Path) -> None:
    for name, level in (("00001/0001", 20), ("00001/0002", 100), ("00002/0001", TEST)):
        write_frames(root / "sequences" / name, ("im1.png", "im2.png", "im3.png"), level, 1)
    (root / "tri_trainlist.txt").write_text("00001/0001\n00001/0002\n\n")
    (root / "tri_testlist.txt").write_text("00002/0001\n")


def septuplets(root: Path) -> None:
    names = [f"im{i}.png" for i in range(1, 8)]
    write_frames(root / "sequences/00001/0001", names, 20, 5)
    write_frames(root / "sequences/00001/0002", names, TEST - 6, 1)
    (root / "sep_trainlist.txt").write_text("00001/0001\n")
    (root / "sep_testlist.txt").write_text("00001/0002\n")


def atd(root: Path) -> None:
    names = ("frame1.jpg", "frame2.jpg", "frame3.jpg")
    write_frames(root / "train_10k/Disney_v4_0_s1", names, 40, 10)
    write_frames(root / "test_2k_540p/Disney_v4_1_s1", names, TEST, 0)
    write_frames(root / "test_2k_original/Disney_v4_1_s1", names, TEST, 0)


def adobe_frames(root: Path) -> None:
    # not padded: sorted as text, 10 would come before 2
    names = [f"{i}.png" for i in range(1, 25)]
    write_frames(root / "train/IMG_0001", names, 20, 4)
    write_frames(root / "train/IMG_0002", names, TEST, 0)
    write_frames(root / "test/IMG_0003", names, TEST, 0)
    (root / "adobe240fps_folder_train.txt").write_text("IMG_0001\n")


LAYOUTS: dict[str, tuple[Callable[[Path], None], str, set[float]]] = {
    "triplets": (triplets, "clips", {0.5}),
    "septuplets": (septuplets, "clips", {j / k for k in range(2, 7) for j in range(1, k)}),
    "atd": (atd, "animations", {0.5}),
    "adobe": (adobe_frames, "clips", {j / k for k in range(2, LONGEST + 1) for j in range(1, k)}),
}


def draws(folder: Path, kind: str, count: int) -> list[tuple[torch.Tensor, float]]:
    (dataset,) = find_datasets(folder)
    assert dataset.kind == kind
    generators = (torch.Generator().manual_seed(seed) for seed in range(count))
    return [dataset.draw(generator, 16) for generator in generators]


@pytest.mark.parametrize("name", LAYOUTS)
def test_samples_are_three_frames_in_order_and_none_is_a_test_sample(
    name: str, tmp_path: Path
) -> None:
    write, kind, times = LAYOUTS[name]
    write(tmp_path)
    seen, ways = set(), set()
    for frames, t in draws(tmp_path, kind, 40):
        assert frames.shape == (3, 3, 16, 16)
        assert frames.min() >= 0
        assert frames.max() < (TEST - 10) / 255
        seen.add(round(t, 9))
        left, middle, right = (float(frame.max()) for frame in frames)
        if max(left, right) > 0.05:  # not all from the black half
            ways.add(left < right)
            # levels rise evenly over time; resizing overshoots at the edge, but alike in all three
            assert (middle - left) / (right - left) == pytest.approx(t, abs=0.12)
    assert seen <= {round(value, 9) for value in times}
    assert len(seen) >= min(len(times), 8)
    assert ways == {True, False}


def test_data_sets_are_found_in_the_folder_itself_and_right_below_it(tmp_path: Path) -> None:
    for name, (write, _, _) in LAYOUTS.items():
        write(tmp_path / name)
    assert sorted(dataset.kind for dataset in find_datasets(tmp_path)) == [
        "animations", "clips", "clips", "clips",
    ]  # fmt: skip
    assert len(find_datasets(tmp_path / "atd")) == 1
    assert find_datasets(tmp_path / "atd" / "train_10k" / "Disney_v4_0_s1") == []


def test_a_draw_depends_on_nothing_but_its_generator(tmp_path: Path) -> None:
    adobe_frames(tmp_path)
    first, again = draws(tmp_path, "clips", 5), draws(tmp_path, "clips", 5)
    for (frames, t), (others, u) in zip(first, again, strict=True):
        assert torch.equal(frames, others)
        assert t == u


def test_pictures_smaller_than_a_sample_are_enlarged(tmp_path: Path) -> None:
    triplets(tmp_path)
    (dataset,) = find_datasets(tmp_path)
    frames, _ = dataset.draw(torch.Generator().manual_seed(0), 64)
    assert frames.shape == (3, 3, 64, 64)


def test_some_samples_are_resized_which_changes_their_motion(tmp_path: Path) -> None:
    """An edge moves 4 pixels from frame to frame: in samples from 2 to 8."""
    for i in range(3):
        path = tmp_path / "sequences" / "1" / f"im{i + 1}.png"
        write_picture(path, 200, (56, 56), 24 + 4 * i)
    (tmp_path / "tri_trainlist.txt").write_text("1\n")
    (dataset,) = find_datasets(tmp_path)
    steps = []
    for seed in range(100):
        frames, _ = dataset.draw(torch.Generator().manual_seed(seed), 32)
        edges = frames[:, 0].mean(1).sum(1) / (200 / 255)  # columns left of the edge
        if edges.min() > 1 and edges.max() < 31:
            steps.append(abs(float(edges[2] - edges[0])) / 2)
    assert min(steps) < 3
    assert max(steps) > 5.5
    assert sum(abs(step - 4) < 0.1 for step in steps) > len(steps) / 2


def test_training_mixes_data_sets_with_scenes(
    tmp_path: Path, scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    triplets(tmp_path / "vimeo")
    atd(tmp_path / "atd")
    footage = prepare(tmp_path, tmp_path / "cache")
    assert footage.has("clips")
    assert footage.has("animations")
    drawn = []
    monkeypatch.setattr(
        type(footage.datasets["clips"][0]),
        "draw",
        lambda self, generator, size: (
            drawn.append(self.kind),
            (torch.zeros(3, 3, size, size), 0.5),
        )[1],
    )
    Mixer(scenes, footage, 24, 96).draw(torch.Generator().manual_seed(0))
    assert set(drawn) == {"clips", "animations"}


def test_videos_of_240_frames_per_second_are_cut_with_larger_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "original_high_fps_videos"
    folder.mkdir()
    for name in ("A.mov", "B.mov"):
        (folder / name).write_bytes(b"")
    (tmp_path / "adobe240fps_folder_train.txt").write_text("A.mov\n")
    assert [path.name for path in find_videos(tmp_path)] == ["A.mov"]
    y, x = np.mgrid[:160, :170]
    film = [
        np.repeat(((x * 3 + y * 5 + 2 * n) % 200)[..., None], 3, 2).astype(np.uint8)
        for n in range(80)
    ]
    monkeypatch.setattr(footage_module, "decode_clip", lambda path: iter(film))
    windows = prepare(tmp_path, tmp_path / "cache").windows["clips"]
    steps = {int(np.median((w[1].astype(int) - w[0]) % 200)) for w in windows}
    assert steps == {8, 16}  # 4 and 8 frames of 2 levels each


def test_a_clip_too_short_is_skipped_by_name_and_nothing_at_all_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "short.mkv").write_bytes(b"")
    frame = np.zeros((160, 160, 3), np.uint8)
    monkeypatch.setattr(footage_module, "decode_clip", lambda path: iter([frame] * 5))
    with pytest.raises(ArgumentError, match="holds nothing to train on; it needs folders called"):
        prepare(tmp_path, tmp_path / "cache")
    error = capsys.readouterr().err
    assert "short.mkv has 5 frames, fewer than 9" in error


def test_data_sets_that_are_not_whole_are_named_before_training(tmp_path: Path) -> None:
    triplets(tmp_path)
    listing = tmp_path / "tri_trainlist.txt"
    listing.write_text("00001/0001\n00009/0009\n")
    with pytest.raises(MediaError, match=r"0009 is missing; unpack the data set whole"):
        find_datasets(tmp_path)
    listing.write_text("\n")
    with pytest.raises(MediaError, match="nothing to train on"):
        find_datasets(tmp_path)
    listing.write_text("00001/0001\n")
    (tmp_path / "sequences/00001/0001/im2.png").unlink()
    with pytest.raises(MediaError, match=r"0001 has 2 pictures; it needs 3"):
        find_datasets(tmp_path)


def test_damaged_pictures_and_odd_sizes_are_named_when_they_are_drawn(tmp_path: Path) -> None:
    triplets(tmp_path)
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n")
    (dataset,) = find_datasets(tmp_path)
    damaged = tmp_path / "sequences/00001/0001/im2.png"
    good = damaged.read_bytes()
    for content in (b"", b"no picture", good[:40]):
        damaged.write_bytes(content)
        with pytest.raises(MediaError, match=r"im2\.png"):
            dataset.draw(torch.Generator().manual_seed(0), 16)
    write_picture(damaged, 20, (WIDTH, HEIGHT + 2))
    with pytest.raises(MediaError, match=r"im2\.png is of another size"):
        dataset.draw(torch.Generator().manual_seed(0), 16)


def test_a_damaged_cache_is_named_and_a_damaged_note_about_it_is_not_trusted(
    tmp_path: Path,
) -> None:
    media, cache = tmp_path / "media", tmp_path / "cache"
    triplets(media)
    write_picture(media / "photos" / "a.png", 100, (200, 200))
    assert len(prepare(media, cache).photos) == 1
    (cache / "done.json").write_text("{")
    assert len(prepare(media, cache).photos) == 1
    (cache / "photo-000.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(MediaError, match=r"cut footage in .*cache is damaged; delete it"):
        prepare(media, cache)
