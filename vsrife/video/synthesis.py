"""New frames: the network's output between two source frames, and its frame properties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from vsrife.inference.base import BESIDE, Recent, Rhythm, Session
from vsrife.inference.base import Planes as Readable
from vsrife.inference.sessions.changed import ChangedSession
from vsrife.inference.sessions.devices import DevicesSession
from vsrife.inference.sessions.regions import Region
from vsrife.inference.source_planes import Coding, SourcePlanes, Timestep
from vsrife.video import frames, nodes
from vsrife.video.colour import Route, alphas_match
from vsrife.video.frames import ALPHA, Planes, uncached
from vsrife.video.marks import scenes
from vsrife.video.overlay import layers
from vsrife.video.plans import Neighbours, Plan, Policy
from vsrife.video.third_frames import Source, beyond_pair
from vsrife.video.timeline import Position, Timeline

# One pair of neighbours is in use at a time. The rest serves requests slightly out of order and
# players that step back. Each further stream adds two.
FRAMES_KEPT = 6

# Properties of new frames: timestep, 0..1; numbers of the source frames; confidence, 0..1
TIMESTEP, LEFT, RIGHT = "_RifeTimestep", "_RifeLeft", "_RifeRight"
CONFIDENCE = "_RifeConfidence"
# x, y, width, height of what the network computed, in pixels, if that is not the whole picture
REGION = "_RifeRegion"

type Render = Callable[[Position, Neighbours[vs.VideoFrame]], vs.VideoFrame]


@dataclass(frozen=True)
class Synthesis:
    """Computes new frames.

    length: of the source, in frames; streams: new frames that are computed at the same time.
    coding: of a source frame, for a session that takes `SourcePlanes`; None: frames come in the
    network's format.
    """

    plan: Plan
    session: Session
    policy: Policy
    length: int
    streams: int
    coding: Callable[[vs.VideoFrame], Coding] | None = None

    def neighbours(self, clip: vs.VideoNode, blank: vs.VideoNode) -> Neighbours[vs.VideoNode]:
        """The source frames that a new frame needs, from `clip` in the network's format."""
        found = self.plan.neighbours(clip, blank)
        if BESIDE in self.session.tells:
            before, after = self.plan.beside(clip, blank)
            return found._replace(before=before, after=after)
        if not self.policy.cadence:
            return found
        return found._replace(
            before=self.plan.neighbours(nodes.shifted(clip, -1), blank).left,
            after=self.plan.neighbours(nodes.shifted(clip, 1), blank).right,
        )

    def clip(self, source: vs.VideoNode, overlays: vs.VideoNode | None = None) -> vs.VideoNode:
        """New frames, from `source` in the network's format and in the same format.

        overlays: of `layers.between`; the new frames lack them. Frames that the output
        does not show as new ones are undefined.
        """
        blank = source.std.BlankClip(length=self.plan.times.num_frames, keep=True)
        neighbours, render = self.neighbours(source, blank), self.renderer()
        if overlays is not None:
            neighbours = layers.taken_off(neighbours, overlays, self.plan)

        def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
            around = neighbours.named(f)
            return render(self.plan.position(n, around.decision), around)

        return uncached(self.side_by_side(blank, neighbours.inputs, make))  # requested once

    def side_by_side(
        self, template: vs.VideoNode, inputs: list[vs.VideoNode], make: frames.Make
    ) -> vs.VideoNode:
        """ModifyFrame with `streams` calls of `make` at a time on each device; VapourSynth runs
        one per node."""
        streams, devices = self.streams, self.devices
        if streams * devices == 1:
            return template.std.ModifyFrame(inputs, make)
        nodes = range(streams * devices)
        each = [uncached(template.std.ModifyFrame(inputs, make)) for _ in nodes]

        def turn(n: int) -> int:
            # New frames take turns. Frames at source positions, `left` + 1 up to here, usually cost
            # nothing, so they are not counted. If they are computed too, it may be every second,
            # every third or any other one, so they are scattered (Knuth's multiplicative hash).
            at = self.plan.times.position(n)
            return n - at.left - 1 if at.step else n * 2654435761 >> 16

        def node(n: int) -> int:
            # all new frames of a pair are made on one device, see `DevicesSession`
            device = self.plan.times.position(n).left % devices
            return device * streams + turn(n) % streams

        return template.std.FrameEval(lambda n: each[node(n)])

    @property
    def devices(self) -> int:
        return self.session.count if isinstance(self.session, DevicesSession) else 1

    def _read(self, frame: vs.VideoFrame, with_alpha: bool) -> Readable:
        if self.coding is None:
            return read_planes(frame, with_alpha)
        return SourcePlanes(read_planes(frame, with_alpha, as_stored=True), self.coding(frame))

    def _beside(self, at: Position) -> list[float]:
        """The timesteps after this one between the same two frames, where that is known."""
        times = self.plan.times
        if self.plan.decisions is not None or not isinstance(times, Timeline):
            return []
        steps = range(at.step + times.factor.denominator, at.steps, times.factor.denominator)
        return [step / at.steps for step in steps]

    def renderer(self) -> Render:
        """A function that computes a new frame from its neighbours, in the network's format."""
        three = BESIDE in self.session.tells
        # a frame with those beside it is as much as three
        keep = (FRAMES_KEPT // 3 if three else FRAMES_KEPT) + 2 * (self.streams * self.devices - 1)
        prepared, motions = Recent[Any](keep), Recent[Any](keep)
        session, policy, last = self.session, self.policy, self.length - 1
        plan, read = self.plan, self._read
        beside = self._beside if "batches" in session.tells else None

        # VapourSynth calls this from many threads, at most `streams` at a time
        def render(at: Position, around: Neighbours[vs.VideoFrame]) -> vs.VideoFrame:
            left, right = around.left, around.right
            with_alpha = alphas_match(left, right)

            def prepare(index: int, source: vs.VideoFrame, *others: Source) -> Any:
                def new() -> Any:
                    planes = read(source, with_alpha)
                    if others:
                        planes = [*planes, *(p for o in others for p in read(o.frame, with_alpha))]
                    if isinstance(session, DevicesSession):
                        return session.prepare(planes, index)
                    return session.prepare(planes)

                # without its overlays, a frame is not the same for both of its pairs
                peeled = source.props.get(layers.PEELED)
                numbers = tuple(other.number for other in others)
                return prepared.get((index, with_alpha, peeled, *numbers), new)

            def prepare_three() -> tuple[Any, Any]:
                first, second = Source(at.left, left), Source(at.right, right)
                before, after = first, second
                # overlays are taken off the pair alone, and would be seen to come and go
                if around.before and around.after and layers.PEELED not in left.props:
                    numbers = plan.beyond(at, around.decision)
                    sides = map(Source, numbers, (around.before, around.after))
                    before, after = beyond_pair(
                        first, second, *sides, cuts=policy.cuts, with_alpha=with_alpha
                    )
                return prepare(*first, before, second), prepare(*second, first, after)

            def motion(index: int, first: vs.VideoFrame, second: vs.VideoFrame) -> Any:
                pair = prepare(index, first), prepare(index + 1, second)
                peeled = first.props.get(layers.PEELED)
                return motions.get((index, peeled), lambda: session.motion(*pair))

            def cadence() -> Rhythm | None:
                before, after = around.before, around.after
                if three or before is None or after is None or at.right - at.left != 1:
                    return None
                starts = at.left == 0 or (policy.cuts and left.props.get(scenes.PREV))
                ends = at.right == last or (policy.cuts and right.props.get(scenes.NEXT))
                return Rhythm(
                    None if starts else motion(at.left - 1, before, left),
                    motion(at.left, left, right),
                    None if ends else motion(at.right, right, after),
                )

            pair = prepare_three() if three else (prepare(at.left, left), prepare(at.right, right))
            frame = vs.core.create_video_frame(left.format, left.width, left.height)
            rhythm = cadence()
            coding = None if self.coding is None else self.coding(left)
            with written_planes(frame, left if with_alpha else None, coding) as into:
                timestep = at.timestep if beside is None else Timestep(at.timestep, beside(at))
                confidence = session.interpolate(*pair, timestep, into, rhythm)
            if not with_alpha and ALPHA in left.props:
                frame.props[ALPHA] = left.props[ALPHA]
            frame.props.update({TIMESTEP: at.timestep, LEFT: at.left, RIGHT: at.right})
            if confidence is not None:
                frame.props[CONFIDENCE] = confidence
            if isinstance(session, ChangedSession | DevicesSession) and rhythm is None:
                region = session.region(*pair)
                if region is not None:
                    frame.props[REGION] = list(region.within(frame.width, frame.height))
            return frame

        return render


def with_left_samples(new: vs.VideoNode, left: vs.VideoNode) -> vs.VideoNode:
    """New frames with the samples of their left source frames outside of `REGION`, bit for bit.

    new, left: in the clip's format. A conversion to the network's format and back rounds.
    """

    def restore(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        fresh, source = f
        if REGION not in fresh.props:
            return fresh
        region = Region(*nodes.values(fresh, REGION))
        frame = source.copy()
        frame.props.clear()
        frame.props.update(fresh.props)
        for number in range(frame.format.num_planes):
            inside, plane = _inside(region, frame.format, number), np.asarray(frame[number])
            plane[inside] = np.asarray(fresh[number])[inside]
            if plane.dtype.kind == "f":
                np.nan_to_num(plane, copy=False, nan=0, posinf=np.inf, neginf=-np.inf)
        return frame

    return uncached(new.std.ModifyFrame([new, left], restore))


def _inside(region: Region, kind: vs.VideoFormat, plane: int) -> tuple[slice, slice]:
    """Rows and columns of the region in a plane, whose chroma may be subsampled."""
    across, down = (kind.subsampling_w, kind.subsampling_h) if plane else (0, 0)
    return (
        slice(region.y >> down, -(-region.bottom >> down)),
        slice(region.x >> across, -(-region.right >> across)),
    )


def sample(
    source: Callable[[], vs.VideoNode | None], route: Route
) -> tuple[Readable, Readable] | None:
    """Two consecutive frames from the middle of the clip, in the network's format; None: no clip.

    source: returns the clip; a weak reference, since a network outlives its filter.
    """
    clip = source()
    if clip is None:
        return None
    read, middle = route.to_working(clip), max(0, clip.num_frames // 2 - 1)
    with read.get_frame(middle) as left, read.get_frame(middle + 1) as right:
        first, second = (
            [np.array(plane) for plane in read_planes(frame, False)] for frame in (left, right)
        )
        return first, second


def read_planes(frame: vs.VideoFrame, with_alpha: bool, *, as_stored: bool = False) -> Planes:
    """Three planes for the network (a grey one three times, or once as it is stored), then alpha,
    0..1, if `with_alpha`."""
    picture = frames.planes(frame)
    alpha = frames.alpha_of(frame) if with_alpha else None
    read = picture * (1 if as_stored else 3 // len(picture))
    if alpha is not None:
        read.append(np.asarray(alpha[0]) / np.float32(frames.white(alpha.format)))
    return read


@contextmanager
def written_planes(
    frame: vs.VideoFrame, alpha_like: vs.VideoFrame | None, coding: Coding | None = None
) -> Iterator[Readable]:
    """The planes of `frame`, to write into, in the order of `read_planes`.

    alpha_like: a frame with an alpha plane in the format that `frame` shall get; None: no alpha.
    coding: of the planes, for a session that writes them as they are stored.
    """
    picture = frames.planes(frame)
    like = None if alpha_like is None else frames.alpha_of(alpha_like)
    values = np.zeros((frame.height, frame.width), np.float32)
    further: Planes = [] if like is None else [values]
    if coding is None:
        yield picture * (3 // len(picture)) + further
    else:
        yield SourcePlanes(picture + further, coding)
    if like is not None:
        alpha = vs.core.create_video_frame(like.format, like.width, like.height)
        frames.planes(alpha)[0][:] = frames.coded(values, like.format)
        frame.props[ALPHA] = alpha
