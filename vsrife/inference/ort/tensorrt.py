"""TensorRT, as an execution provider of ONNX Runtime: its options, its engines and their cache.

An engine belongs to one graph, one GPU and one set of versions, so it has a folder of its own. A
file in it says that the engine was built to the end and gave the right picture, and has checksums
of what was kept; where they differ, or when TensorRT refuses it, it is built again.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vsrife.errors import BackendError, ModelError
from vsrife.inference.backends import disk_cache
from vsrife.inference.base import EngineOptions
from vsrife.inference.ort import gpu, sessions
from vsrife.inference.ort.providers import Chosen, row_of
from vsrife.weights import folders

# dB that what an engine gives must be like fp32. A right one in fp16 has 47 to 56, 35 at worst; a
# GridSample that reads at wrong places leaves 15 to 30.
LEAST = {True: 32.0, False: 42.0}
_PROOF = "proof.json"
_INFORMATION = 1  # of ONNX Runtime's levels, where builds are told of

Shape = Sequence[int | None]


@dataclass(frozen=True)
class Plan:
    """What an engine is built from. name: for messages and folders, such as "nano-1920x1088";
    half: convolutions in fp16; inputs: shape of each of the graph's, None where it is open; unit:
    sides are padded to multiples of this."""

    graph: bytes
    name: str
    half: bool
    inputs: Mapping[str, Shape]
    unit: int

    def __str__(self) -> str:
        return f"{self.name}-{'fp16' if self.half else 'fp32'}"


def provider_options(options: EngineOptions, plan: Plan) -> dict[str, str]:
    """Of the provider, besides those of its cache."""
    given: dict[str, object] = {"trt_fp16_enable": int(plan.half)}
    if options.workspace:
        given["trt_max_workspace_size"] = options.workspace
    if options.streams is not None:
        given["trt_auxiliary_streams"] = options.streams
    if options.level is not None:
        given["trt_builder_optimization_level"] = options.level
    if options.debug:
        given["trt_detailed_build_log"] = 1
    return {key: str(value) for key, value in given.items()} | _profiles(options, plan)


def _profiles(options: EngineOptions, plan: Plan) -> dict[str, str]:
    """Which sizes TensorRT has to expect; nothing for graphs of one size."""
    is_open = {n: s for n, s in plan.inputs.items() if not all(s)}
    if not is_open:
        return {}

    def texts(size: tuple[int, int]) -> str:
        width, height = (-(-side // plan.unit) * plan.unit for side in size)
        return ",".join(f"{n}:{s[0]}x{s[1]}x{height}x{width}" for n, s in is_open.items())

    return {
        "trt_profile_min_shapes": texts(options.smallest),
        "trt_profile_opt_shapes": texts(options.usual),
        "trt_profile_max_shapes": texts(options.largest),
    }


def start(
    ort: Any,
    chosen: Chosen,
    options: EngineOptions,
    plan: Plan,
    *,
    root: Path | None,
    likeness: Callable[[Any], float],
    note: Callable[[str], None],
) -> Any:
    """A session for one graph, with the engine that is kept for it, or with a new one.

    root: where engines are kept, None for nowhere; likeness: dB between what a session gives and
    what the same graph gives in fp32, asked for after a build; note: hears of a build before it
    begins. BackendError where TensorRT does not work, or gives something else than it should.
    """
    given = provider_options(options, plan)
    facts = _facts(ort, chosen, plan, given)
    with _kept(root, plan, facts, note) as (folder, timing):
        ready = folder is not None and (folder / _PROOF).is_file()
        if not ready:
            kept = "" if folder is None else ", once"
            note(f"building a TensorRT engine for {plan}; this takes minutes{kept}")
        try:
            session = _start(ort, chosen, plan, given, folder, timing, note)
        except BackendError:
            if not (ready or _anything(timing)):
                raise
            # a stale, damaged or foreign file is no reason to fail
            note(f"TensorRT does not take what was kept for {plan}; building it again")
            _empty(folder)
            _empty(timing)
            ready = False
            session = _start(ort, chosen, plan, given, folder, timing, note)
        if not ready and row_of("tensorrt").full_name in session.get_providers():
            _prove(session, plan, facts, folder, likeness)
    return session


def _prove(
    session: Any,
    plan: Plan,
    facts: dict[str, object],
    folder: Path | None,
    likeness: Callable[[Any], float],
) -> None:
    found, least = likeness(session), LEAST[plan.half]
    if not found >= least:
        _empty(folder)
        raise BackendError(
            f"the TensorRT engine for {plan} gives wrong pictures: {found:.1f} dB against fp32, "
            f"at least {least:.0f} are right. TensorRT {facts['tensorrt']} may be one that moves "
            "pictures wrongly, as some since 10.14 do: use provider='cuda', precision='fp32' or "
            "another TensorRT"
        )
    if folder is not None:
        said = facts | {"psnr": round(min(found, 999.0), 2), "files": _checksums(folder)}
        text = json.dumps(said, indent=1)
        folders.write_whole(folder / _PROOF, lambda part: part.write_text(text))


def _start(
    ort: Any,
    chosen: Chosen,
    plan: Plan,
    given: dict[str, str],
    folder: Path | None,
    timing: Path | None,
    note: Callable[[str], None],
) -> Any:
    kept = {"trt_engine_cache_enable": "0"}
    if folder is not None:
        kept = {
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": str(folder),
            "trt_engine_cache_prefix": "vsrife",
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": str(timing),
        }
    name = row_of("tensorrt").full_name
    arguments = tuple((n, o | given | kept if n == name else o) for n, o in chosen.arguments)
    session = sessions.session_options(ort, chosen)
    if "trt_detailed_build_log" in given:
        session.log_severity_level = _INFORMATION
    return sessions.start(ort, plan.graph, replace(chosen, arguments=arguments), session, note=note)


def _facts(ort: Any, chosen: Chosen, plan: Plan, given: dict[str, str]) -> dict[str, object]:
    """What an engine depends on. ONNX Runtime's own names for engines know neither the weights nor,
    always, the size."""
    index = int(dict(chosen.arguments)[row_of("tensorrt").full_name]["device_id"])
    return {
        "name": str(plan),
        "graph": hashlib.sha256(plan.graph).hexdigest(),  # weights, size, precision, scale and all
        "options": given,
        "onnxruntime": str(ort.__version__),
        "tensorrt": gpu.tensorrt_version(),
        "gpu": gpu.gpu_name(index),
    }


@contextmanager
def _kept(
    root: Path | None, plan: Plan, facts: dict[str, object], note: Callable[[str], None]
) -> Iterator[tuple[Path | None, Path | None]]:
    """The engine's folder, and one for TensorRT's timings, which engines of a machine share.

    Nobody else builds the same engine meanwhile. None where nothing can be kept. The timings are
    copies: what is shared has a checksum, and one wrong bit may choose slower layers for good.
    """
    if root is None:
        yield None, None
        return
    machine = {key: facts[key] for key in ("onnxruntime", "tensorrt", "gpu")}
    # TensorRT is a stranger, to whom not every letter of a file's name may go
    name = re.sub(r"[^\w.-]", "_", str(plan), flags=re.ASCII)[:80]
    folder, shared = root / f"{name}-{_digest(facts)}", root / f"timing-{_digest(machine)}"
    timing = root / f"{folder.name}-timing"
    with ExitStack() as stack:
        try:
            for made in (folder, timing, shared):
                made.mkdir(parents=True, exist_ok=True)
            stack.enter_context(folders.locked(root, folder.name, note))
        except (OSError, ModelError, ValueError) as error:  # or its name has a null byte in it
            note(f"no TensorRT engine can be kept in {root} ({error})")
            yield None, None
            return
        if not _is_whole(folder):
            if (folder / _PROOF).is_file():
                note(f"the TensorRT engine that was kept for {plan} is damaged")
            _empty(folder)  # also what a build that was interrupted has left
        _empty(timing)
        with suppress(OSError):  # then TensorRT measures anew
            for path in shared.iterdir():
                if (content := disk_cache.read(path)) is not None:
                    (timing / path.name).write_bytes(content)
        yield folder, timing
        with suppress(OSError):
            for path in timing.iterdir():
                _share(path.read_bytes(), shared / path.name)
        _empty(timing)  # it stays, since ONNX Runtime may write there later


def _share(content: bytes, path: Path) -> None:
    if disk_cache.read(path) != content:
        disk_cache.keep(path, lambda part: part.write_bytes(content))


def _is_whole(folder: Path) -> bool:
    """Whether an engine was proven, and all that was kept then is as it was."""
    try:
        said = json.loads((folder / _PROOF).read_bytes())
        return bool(said["files"] == _checksums(folder))
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _checksums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _PROOF)
    return {str(path.relative_to(folder)): disk_cache.checksum(path) for path in paths}


def _digest(facts: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _anything(folder: Path | None) -> bool:
    return folder is not None and any(folder.iterdir())


def _empty(folder: Path | None) -> None:
    """Remove what is in a folder, as far as the system lets us."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
