"""What rife() must refuse: each argument alone, and arguments that do not go together."""

import vapoursynth as vs

from vsrife import rife

core = vs.core
NAN = float("nan")


def blank(**changes):
    given = {"format": vs.RGBS, "width": 32, "height": 32, "length": 8, "fpsnum": 24, "fpsden": 1}
    return core.std.BlankClip(**(given | changes))


CLIP = blank()
YUV = blank(format=vs.YUV420P8)
RATELESS = blank(fpsnum=0)
GREY = blank(format=vs.GRAY8)

COUNT = [0, -1, 2.5, "2", True, [2], None]
FLAG = ["yes", 2, -1, 0.5, [], None]
WORD = ["", "no such", 3, True, b"x", ["x"]]
SHARE = [-0.1, 1.5, "low", True, NAN, []]
CLIPS = ["clip.mkv", 3, True, [CLIP]]
SIZE = [None, 3, "ab", [128], [1, 2, 3], (1.5, 2), [0, 128]]

# For each argument: values that it cannot have
WRONG = {
    "clip": ["clip.mkv", None, 3, [CLIP]],
    "device_index": [-1, 0.5, "0", True, None],
    "model": [4.25, 3, True, [], {}, "4.27", "nano2", ""],
    "auto_download": FLAG,
    "factor_num": [*COUNT, 10**20],
    "factor_den": [*COUNT, 10**20],
    "fps_num": [value for value in COUNT if value is not None],
    "fps_den": [value for value in COUNT if value is not None],
    "scale": [3, 0, -1, NAN, "1", True, None, [1.0]],
    "ensemble": FLAG,
    "sc": ["yes", 2, 0.5, None, []],
    "sc_threshold": SHARE,
    "trt": FLAG,
    "trt_static_shape": FLAG,
    "trt_min_shape": SIZE,
    "trt_opt_shape": SIZE,
    "trt_max_shape": SIZE,
    "trt_workspace_size": [-1, 0.5, "1", True, None],
    "trt_max_aux_streams": [-1, 0.5, "1", True],
    "trt_optimization_level": [-1, 6, 0.5, "1", True],
    "trt_cache_dir": ["", 3, True, []],
    "factor": [0, -2, 2.5, NAN, "x", "", "1/0", True, [], "1e5000"],
    "fps": [0, -2, 59.94, "x", "", "1/0", True, [], "1e5000"],
    "backend": [*WORD, "ncnn"],
    "device": ["", "tpu", "cuda:x", "cuda:", "cuda::1", 0, True, []],
    "provider": ["", " ", "gpu", "cuda:x", "cpu,cuda", "cuda,cuda", "openvino:tpu", 3, True, []],
    "memory_limit": [value for value in COUNT if value is not None],
    "threads": [*(value for value in COUNT if value is not None), 1025],
    "num_streams": [*COUNT, 65],
    "precision": [*WORD, "fp8"],
    "tta": [*WORD, "spin"],
    "vfr": FLAG,
    "sc_mode": [*WORD, None],
    "sc_clip": CLIPS,
    "duplicates": WORD,
    "duplicates_threshold": SHARE,
    "duplicates_span": [1, 25, 0, 2.5, "5", True, None],
    "duplicates_anchor": [*WORD, None],
    "duplicates_clip": CLIPS,
    "replace": [3, 2.5, [(5, 3)], [(0, 2)], [(1, 2, 3)], [1.5], ["3-4"], "no such file.txt"],
    "mask": [*CLIPS, CLIP],
    "protect": FLAG,
    "pace": WORD,
    "shutter": [0, -1, 361, NAN, "x", "", True, []],
    "confidence": SHARE,
    "static_threshold": [*SHARE, "on", ""],
    "matrix": ["601", 0, 99, True, 1.5, []],
    "color_range": ["tv", 2, True, 0.5, []],
    "chroma_location": ["middle", 6, True, 0.5, []],
    "trt_debug": FLAG,
}
CASES = [(name, value) for name, values in WRONG.items() for value in values]

# What cannot be asked for together: clip, arguments, what the message says
TOGETHER = [
    (CLIP, {"fps_num": 60}, "fps_num and fps_den go together, not 60 and None; give both"),
    (CLIP, {"fps_den": 1}, "fps_num and fps_den go together, not None and 1; give both"),
    (CLIP, {"factor": 2, "fps": 60}, "not factor=2 and fps=60; give one of them"),
    (CLIP, {"fps": 60, "fps_num": 60, "fps_den": 1}, "exclude each other, not fps=60 and fps_num"),
    (CLIP, {"factor": 2, "fps_num": 60, "fps_den": 1}, "give one of them"),
    (CLIP, {"factor": f"{9 * 10**18 + 9}/{9 * 10**18 + 7}"}, "output rate .* has too many digits"),
    (RATELESS, {"fps": 60}, "does not have a valid frame rate .*frame 0 has no duration; use"),
    (RATELESS, {"factor": "1/501"}, "factor must be at least 1/500 .*not 1/501; give it a rate"),
    (CLIP, {"vfr": True, "factor": "1/501"}, "factor must be at least 1/500"),
    (CLIP, {"sc_mode": "blend"}, "sc_mode='blend' has nothing to act on; add sc=True or a"),
    (CLIP, {"sc_clip": CLIP}, "which sc=False does not ask for; use sc=True"),
    (CLIP, {"sc": "adaptive", "sc_clip": CLIP}, "which sc='adaptive' does not ask for; use"),
    (CLIP, {"sc": True, "sc_clip": CLIP[1:]}, "sc_clip must have as many .*8, not 7; make it"),
    (CLIP, {"sc": "adaptive", "sc_threshold": None}, "sc_threshold=None .*; use sc=True for that"),
    (CLIP, {"duplicates_anchor": "centre"}, "duplicates_anchor='centre' has nothing .*; add dup"),
    (CLIP, {"duplicates": "skip", "duplicates_anchor": "centre"}, "'centre' has nothing to act"),
    (CLIP, {"duplicates_clip": CLIP}, "duplicates_clip has nothing to act on; add duplicates="),
    (CLIP, {"duplicates": "fill", "duplicates_clip": CLIP[1:]}, "as many frames as clip, 8, not 7"),
    (CLIP, {"pace": "drawn", "duplicates": "fill"}, 'pace="drawn" keeps .*; choose one of them'),
    (CLIP, {"model": "a.onnx", "static_threshold": 0.1}, "static_threshold=0.1 needs .*; leave it"),
    (CLIP, {"matrix": "709"}, "matrix=1 is for YUV clips, and this one is RGBS; leave it out"),
    (CLIP, {"chroma_location": "left"}, "chroma_location=0 is for YUV clips.*; leave it out"),
    (CLIP, {"mask": GREY[1:]}, "mask must have the clip's number of frames, 8, not 7; make it fit"),
    (CLIP, {"mask": GREY.std.CropAbs(16, 32)}, "mask must have the clip's width, 32, not 16; make"),
    (CLIP, {"ensemble": True}, "ensemble is not supported in nano; leave it out, or choose"),
    (CLIP, {"model": "4.25", "ensemble": True}, "ensemble is not supported in v4.25; leave it"),
    (CLIP, {"backend": "pytorch", "provider": "cuda"}, "provider='cuda' is not for backend 'pyt"),
    (CLIP, {"backend": "openvino", "provider": "cuda"}, "is not for backend 'openvino'; leave it"),
    (CLIP, {"backend": "pytorch", "memory_limit": 9}, "memory_limit=9 is not for backend 'pytor"),
    (CLIP, {"backend": "openvino", "memory_limit": 9}, "memory_limit=9 is not for backend"),
    (CLIP, {"backend": "pytorch", "threads": 2}, "threads=2 .*heeds OMP_NUM_THREADS.*; leave it"),
    (CLIP, {"backend": "pytorch", "num_streams": 2}, "num_streams=2 is not .*; leave it"),
    (CLIP, {"backend": "pytorch", "device": "gpu"}, "device must be one of .*'pytorch', .*'gpu'"),
    (CLIP, {"backend": "openvino", "device": "cuda"}, "device must be one of .*not 'cuda'"),
    (CLIP, {"backend": "onnx", "device": "npu"}, "device must be one of .*not 'npu'; provider="),
    (CLIP, {"provider": "cuda", "device": "cuda"}, "exclude each other: .*; leave device out"),
    (CLIP, {"trt": True, "provider": "cpu"}, "provider='cpu' does not; leave one of them out"),
    (
        CLIP,
        {"trt_static_shape": False, "trt_min_shape": [1920, 1080]},
        "trt_min_shape must be less than trt_max_shape, not 1920x1080 and 1920x1080; raise",
    ),
    (
        CLIP,
        {"trt_static_shape": False, "trt_opt_shape": [64, 64]},
        "trt_opt_shape must lie between .*128x128 and 1920x1080, not 64x64; name a size",
    ),
    (
        CLIP,
        {"trt": True, "trt_static_shape": False},
        "frames of 32x32 do not lie between trt_min_shape 128x128 and .*; widen these",
    ),
    (
        CLIP,
        {"provider": "tensorrt", "trt_static_shape": False},
        "frames of 32x32 do not lie between trt_min_shape 128x128 and",
    ),
]


def clip_for(name):
    """A clip for which the argument has a meaning."""
    return YUV if name in ("matrix", "chroma_location") else CLIP


def call(name, value):
    if name == "clip":
        return rife(value)
    return rife(clip_for(name), **{"sc": name == "sc_clip", **{name: value}})
