"""The networks, one row each: all differences between RIFE v4 networks are data here.

Standard library only, so that names, shapes and costs are available without a framework.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from numbers import Real

from vsrife.errors import ArgumentError, alike
from vsrife.network.own.mobile_row import MobileRow
from vsrife.network.own.pyramid_row import PyramidRow

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)
RESCALE_LIMIT = 32.0  # pixels of block 1's own flow beyond which 4.0 and 4.1 double their scales
OFFICIAL_CONVS = 8  # body convolutions in every block of the official networks
SLOPE = 0.2  # of every leaky ReLU
# Cadence of drawn film, see `cadence`
CADENCE_CELL = 8  # width and height of a cell, pixels
CADENCE_FLOOR = 0.5  # pixels added to all distances: the ratio of static parts is one half

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Encoder:
    """The part of a network that reads one image alone: 3x3 convolutions, then a transposed one.

    hidden: channels inside. out: output channels, at the image's full size. convs: number of 3x3
    convolutions. numbered: checkpoint keys `encode.0` instead of `encode.cnn0`. linear: no
    activations.
    """

    hidden: int
    out: int
    convs: int = 3
    numbered: bool = False
    linear: bool = False

    @property
    def clamps(self) -> bool:
        """Whether it reads the image clamped to 0..1; exactly those with named layers do."""
        return not self.numbered

    @property
    def layers(self) -> tuple[str, ...]:
        """Key of each layer below `encode.`; numbered activations take every other number."""
        step = 1 if self.linear else 2
        return tuple(str(i * step) if self.numbered else f"cnn{i}" for i in range(self.convs + 1))


@dataclass(frozen=True)
class Arch:
    """One network, coarsest block first. Properties are derived from the fields."""

    # Channels of each block, and the factor by which it reduces the frame
    widths: tuple[int, ...]
    scales: tuple[int, ...] = (8, 4, 2, 1)
    # Output channels of each block: 0-3 flow, 4 mask, 5... features for the next block
    tail: int = 6
    # Body: "skip" as in RIFE 4.0, "plain" as in 4.2, "beta" (residual) since 4.5
    body: str = "beta"
    groups: int = 1
    encoder: Encoder | None = None
    # Frames that it reads: 2, or the previous, the middle and the next one, see `triple`
    frames: int = 2
    # Body convolutions of each block; empty: 8, as all official networks have
    convs: tuple[int, ...] = ()

    def first(self, blocks: int) -> Arch:
        """The network of the first `blocks` blocks.

        ArgumentError for a number of blocks that it does not have.
        """
        if not 1 <= blocks <= len(self.widths):
            raise ArgumentError(f"blocks must be 1 to {len(self.widths)}, not {blocks}")
        widths, scales, convs = (x[:blocks] for x in (self.widths, self.scales, self.convs))
        return replace(self, widths=widths, scales=scales, convs=convs)

    @property
    def modulo(self) -> int:
        """Padded sides are multiples of this at scale 1: stems have two strides of 2."""
        return 4 * max(self.scales)

    @property
    def prelu(self) -> bool:
        """Whether activations are PReLU; else leaky ReLU."""
        return self.body == "skip"

    @property
    def rescales(self) -> bool:
        """Whether large motion doubles all scales of a frame (4.0 and 4.1 only)."""
        return self.body == "skip"

    @property
    def shuffles(self) -> bool:
        """Whether the tail ends in a pixel shuffle, which doubles its resolution."""
        return self.body == "beta"

    @property
    def feat(self) -> int:
        """Feature channels that a block passes to the next one."""
        return self.tail - 5 if self.tail > 6 else 0

    @property
    def ensemble(self) -> bool:
        """Whether both directions can be averaged: features cannot be mirrored."""
        return self.feat == 0

    @property
    def mask_adds(self) -> bool:
        """Whether blocks correct the mask; else each gives a new one."""
        return self.encoder is None

    def block_convs(self, block: int) -> int:
        """Number of body convolutions of a block."""
        return self.convs[block] if self.convs else OFFICIAL_CONVS

    def block_inputs(self, block: int) -> int:
        """Input channels of a block."""
        seen = 3 + (self.encoder.out if self.encoder else 0)
        warped = 2 if self.frames == 3 and block else 0  # besides
        images = (self.frames + warped) * seen
        passed_on = 1 + self.feat + 4 if block else 0  # mask, features, flow
        return images + 1 + passed_on  # and the timestep

    def pad_unit(self, scale: float) -> int:
        """Sides must be multiples of this at `scale`; at least `modulo`."""
        return max(self.modulo, int(self.modulo / scale))


_NAMED_32 = Encoder(hidden=32, out=8)
_NAMED_16 = Encoder(hidden=16, out=4)
_WIDTHS = (192, 128, 96, 64)
_LITE_WIDTHS = (128, 96, 64, 48)
_FIVE_SCALES = (16, 8, 4, 2, 1)

type Row = Arch | PyramidRow | MobileRow

# Rows of IFNet, each named after its first version
IFNETS: dict[str, Arch] = {
    "4.0": Arch(_WIDTHS, tail=5, body="skip"),
    "4.2": Arch(_WIDTHS, tail=5, body="plain"),
    "4.5": Arch(_WIDTHS, tail=5),
    "4.6": Arch(_WIDTHS),
    "4.7": Arch(_WIDTHS, encoder=Encoder(16, 4, convs=1, numbered=True, linear=True)),
    "4.10": Arch(_WIDTHS, encoder=Encoder(32, 8, numbered=True)),
    "4.12.lite": Arch(_LITE_WIDTHS, encoder=Encoder(32, 4, numbered=True)),
    "4.13": Arch(_WIDTHS, encoder=_NAMED_32),
    "4.14.lite": Arch(_WIDTHS, groups=2, encoder=_NAMED_32),
    "4.15.lite": Arch(_LITE_WIDTHS, encoder=_NAMED_16),
    "4.20": Arch((384, 192, 96, 48), encoder=_NAMED_32),
    "4.21": Arch((256, 192, 96, 48), tail=13, encoder=_NAMED_32),
    "4.22.lite": Arch((192, 128, 64, 32), tail=13, encoder=_NAMED_16),
    "4.25": Arch((192, 128, 96, 64, 32), _FIVE_SCALES, tail=13, encoder=_NAMED_16),
    "4.25.lite": Arch((192, 128, 96, 64, 24), (32, 16, 8, 4, 1), tail=13, encoder=_NAMED_16),
    "4.25.heavy": Arch((384, 256, 192, 128, 64), _FIVE_SCALES, tail=13, encoder=_NAMED_16),
    "4.26.heavy": Arch((192, 128, 96, 64, 32), _FIVE_SCALES, tail=13, encoder=Encoder(16, 16)),
}
PYRAMIDS: dict[str, PyramidRow] = {
    "nano": PyramidRow(),
    "small": PyramidRow(meetings=(32, 16, 8), widths=(192, 128, 64, 48), last=(32, 2)),
}
ARCHS: dict[str, Row] = {**IFNETS, **PYRAMIDS}

# Rows that no weights are known of; `vsrife train` makes some
UNTRAINED: dict[str, PyramidRow | MobileRow] = {
    # under half a million numbers
    "micro": PyramidRow(
        features=(16, 16, 32, 48, 64),
        views=(8, 16, 24),
        keys=(8, 16, 32),
        radii=(1, 2, 5),
        meeting=2,
        widths=(64, 48, 32, 16),
        convs=(3, 2, 2, 2),
        last=(16, 2),
    ),
    "mobile1": MobileRow(scales=1),
    "mobile3": MobileRow(),
}
# Of three frames; rife() and interpolate() run files of them
TRIPLES: dict[str, Arch] = {
    # v2_lite of DistilDRBA
    "distildrba": Arch((192, 128, 96), (16, 8, 4), tail=13, encoder=Encoder(16, 16), frames=3),
}
TRAINABLE: dict[str, PyramidRow | MobileRow] = {**PYRAMIDS, **UNTRAINED}
# All that rife() runs; those with weights come first
ROWS: Mapping[str, Row] = ChainMap(dict[str, Row](UNTRAINED), ARCHS)

# Official version -> row; versions of one row differ only in their weights.
VERSIONS: dict[str, str] = {
    "4.0": "4.0",
    "4.1": "4.0",
    "4.2": "4.2",
    "4.3": "4.2",
    "4.4": "4.2",
    "4.5": "4.5",
    "4.6": "4.6",
    "4.7": "4.7",
    "4.8": "4.7",
    "4.9": "4.7",
    "4.10": "4.10",
    "4.11": "4.10",
    "4.12": "4.10",
    "4.12.lite": "4.12.lite",
    "4.13": "4.13",
    "4.13.lite": "4.12.lite",
    "4.14": "4.13",
    "4.14.lite": "4.14.lite",
    "4.15": "4.13",
    "4.15.lite": "4.15.lite",
    "4.16.lite": "4.15.lite",
    "4.17": "4.13",
    "4.17.lite": "4.15.lite",
    "4.18": "4.13",
    "4.19": "4.13",
    "4.20": "4.20",
    "4.21": "4.21",
    "4.22": "4.21",
    "4.22.lite": "4.22.lite",
    "4.23": "4.21",
    "4.24": "4.13",
    "4.25": "4.25",
    "4.25.lite": "4.25.lite",
    "4.25.heavy": "4.25.heavy",
    "4.26": "4.25",
    "4.26.heavy": "4.26.heavy",
}

# Our own models, trained by this project and shipped in models/; each has the name of its row.
EMBEDDED = ("nano", "small")
DEFAULT_MODEL = "nano"


def arch_of(model: str) -> Row:
    """The row of a model or row name; ArgumentError with similar names if there is none."""
    name = VERSIONS.get(model, model)
    if name in TRIPLES:
        return TRIPLES[name]
    if name not in ROWS:
        raise ArgumentError(
            f"model must be one of the {len(known_models())} names of `vsrife models list`, not "
            f"{model!r}{suggest(model)}"
        )
    return ROWS[name]


def check_options(version: str | None, scale: float, ensemble: bool) -> None:
    """ArgumentError if the network of `version`, a model or row name, lacks these options.

    None: the network is not known yet; checks only what every network refuses.
    """
    if not isinstance(scale, Real) or scale not in SCALES:
        raise ArgumentError(
            f"scale must be 0.25, 0.5, 1.0, 2.0, or 4.0, not {scale!r}; 0.5 suits 4K"
        )
    if version is not None and ensemble and not arch_of(version).ensemble:
        raise ArgumentError(
            f"ensemble is not supported in {'v' if version[:1].isdigit() else ''}{version}; "
            "leave it out, or choose another model"
        )


def known_models() -> tuple[str, ...]:
    """The names of all models, our own first."""
    return (*EMBEDDED, *VERSIONS)


def suggest(model: str, names: Sequence[str] | None = None) -> str:
    """A hint with those of `names` (None: all models) most similar to `model`, or "".

    Of a row that has no weights: how to get them.
    """
    if model in UNTRAINED:
        return f"; no weights are known for the network {model}, `vsrife train {model}` makes some"
    if model in TRIPLES:
        return f"; no weights of {model} are known here, give rife() the path of a file of them"
    return alike(model.lower().replace("rife", "").strip("-_v "), names or known_models())


def state_shapes(arch: Row) -> dict[str, Shape]:
    """Key and shape of every tensor in a checkpoint of this network, without `module.`."""
    return {key: shape for key, shape, _ in _tensors(arch)}


def cost(arch: Row) -> float:
    """Multiply-adds of all convolutions per pixel of a padded frame at scale 1.

    Includes both encodings; excludes warps, resizes and the correlation.
    """
    return float(
        sum(prod(shape) * density for _, shape, density in _tensors(arch) if len(shape) == 4)
    )


def parameters(arch: Row) -> int:
    """Number of weights."""
    return sum(prod(shape) for shape in state_shapes(arch).values())


def _tensors(arch: Row) -> Iterator[tuple[str, Shape, Fraction]]:
    """Key, shape and uses of each weight per pixel of the picture, for each tensor."""
    if not isinstance(arch, Arch):
        yield from arch.tensors()
        return
    for i, (width, scale) in enumerate(zip(arch.widths, arch.scales, strict=True)):
        yield from _block_tensors(arch, i, width, Fraction(1, scale**2))
    if arch.encoder:
        # of each frame at half its size; three are seen at the size of the finest block
        uses = Fraction(2, 4) if arch.frames == 2 else Fraction(3, 4 * arch.scales[-1] ** 2)
        yield from _encoder_tensors(arch.encoder, uses)


def _block_tensors(
    arch: Arch, i: int, width: int, area: Fraction
) -> Iterator[tuple[str, Shape, Fraction]]:
    block = f"block{i}."
    half, cell = area / 4, area / 16
    for j, (inputs, outputs, density) in enumerate(
        [(arch.block_inputs(i), width // 2, half), (width // 2, width, cell)]
    ):
        yield from _conv(f"{block}conv0.{j}.0", (outputs, inputs, 3, 3), density)
        if arch.prelu:
            yield f"{block}conv0.{j}.1.weight", (outputs,), Fraction(0)
    for j in range(arch.block_convs(i)):
        body = f"{block}convblock.{j}."
        if arch.body == "beta":
            yield f"{body}beta", (1, width, 1, 1), Fraction(0)
        name = "conv" if arch.body == "beta" else "0"
        yield from _conv(body + name, (width, width // arch.groups, 3, 3), cell)
        if arch.prelu:
            yield f"{body}1.weight", (width,), Fraction(0)
    # transposed, stride 2: a weight is used once per input position
    name = "lastconv.0" if arch.shuffles else "lastconv"
    yield from _conv(block + name, (width, arch.tail * (4 if arch.shuffles else 1), 4, 4), cell)


def _encoder_tensors(encoder: Encoder, uses: Fraction) -> Iterator[tuple[str, Shape, Fraction]]:
    *convs, last = encoder.layers
    for j, name in enumerate(convs):
        shape = (encoder.hidden, encoder.hidden if j else 3, 3, 3)
        yield from _conv(f"encode.{name}", shape, uses)
    yield from _conv(f"encode.{last}", (encoder.hidden, encoder.out, 4, 4), uses)


def _conv(key: str, shape: Shape, density: Fraction) -> Iterator[tuple[str, Shape, Fraction]]:
    yield f"{key}.weight", shape, density
    # torch stores weights of a transposed convolution (the 4x4 ones) with input channels first
    yield f"{key}.bias", (shape[1] if shape[2] == 4 else shape[0],), Fraction(0)
