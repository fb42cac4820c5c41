"""Names of tensors in files of other programs: to the official ones, and what they tell."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from vsrife.errors import printable

# The wrappers of other programs around a network, and the lists of blocks of ComfyUI's own node
_PREFIXES = re.compile(r"(?:(?:module|flownet)\.)+")
_BLOCKS = re.compile(r"blocks\.(\d+)\.")

# What is known of networks that are not ours: the beginning of a key, and the network
_FAMILIES = {
    "extract.extract_sublevels.": "FILM",
    "encoder.pyramid1.": "IFRNet",
    "feature_bone.": "EMA-VFI",
    "feat_encoder.": "AMT",
    "feature_flow_attn.": "GMFlow, a part of GMFSS",
    "conv_first.": "ESRGAN, an upscaler",
    "model.diffusion_model.": "Stable Diffusion",
    "lora_": "a LoRA",
}
_SHOWN = 3  # keys in a message


class Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def official_keys[Value](state: Mapping[str, Value]) -> dict[str, Value]:
    """The same tensors by official keys, if they have `flownet.` or `blocks.N.` in front.

    Unchanged if they have not, or if two would get one key.
    """
    keys = [_official(key) for key in state]
    foreign = any("flownet." in key or _BLOCKS.match(_bare(key)) for key in state)
    if not foreign or len(set(keys)) != len(keys):
        return dict(state)
    return dict(zip(keys, state.values(), strict=True))


def described(state: Mapping[str, Shaped]) -> str:
    """What a refused file holds, for a message: its network, if that is known, and some keys."""
    keys = [_bare(key) for key in state]
    family = next(
        (name for start, name in _FAMILIES.items() if any(key.startswith(start) for key in keys)),
        "",
    )
    shown = [f"{printable(key):.80} {list(state[key].shape)}" for key in sorted(state)[:_SHOWN]]
    more = ", ..." if len(state) > _SHOWN else ""
    looks = f"it looks like {family}, which is another network; " if family else ""
    return f"{looks}it holds {len(state)} tensors: {', '.join(shown)}{more}"


def _bare(key: str) -> str:
    match = _PREFIXES.match(key)
    return key[match.end() :] if match else key


def _official(key: str) -> str:
    bare = _bare(key)
    match = _BLOCKS.match(bare)
    return f"block{match[1]}.{bare[match.end() :]}" if match else bare
