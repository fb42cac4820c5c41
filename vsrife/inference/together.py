"""What cannot be asked of a network together, beyond what backends refuse by themselves."""

from __future__ import annotations

from vsrife.errors import ArgumentError
from vsrife.inference.base import read_device
from vsrife.inference.select import MOST, ON_DEVICE
from vsrife.inference.sessions.auto_scale import AUTO


def check_devices(names: tuple[str, ...], device_index: int) -> None:
    """ArgumentError for several devices that cannot share the work."""
    if len(names) > MOST["num_streams"]:
        raise ArgumentError(
            f"device must name at most {MOST['num_streams']} devices, not {len(names)}; leave some "
            "out"
        )
    devices = [read_device(name, (*ON_DEVICE, "cpu")) for name in names]
    asked, kind = f"device={list(names)!r}", devices[0].kind
    if len({device.kind for device in devices}) > 1:
        raise ArgumentError(
            f"{asked} must be of one kind, since others give other bytes at another speed; "
            "name those of one kind"
        )
    if device_index:
        raise ArgumentError(
            f"device_index={device_index} has nothing to act on where {asked}; leave it out"
        )
    if kind == "cpu":
        return  # cores are shared as they are
    if any(device.number is None for device in devices) or len(set(devices)) < len(devices):
        raise ArgumentError(
            f'{asked} must be different ones with a number each, such as "{kind}:0" and '
            f'"{kind}:1"; num_streams makes several frames at a time on one'
        )


def check_auto_scale(*, graph: bool, tensorrt: bool) -> None:
    """ArgumentError for scale="auto" where a network has one scale in it."""
    if tensorrt:
        raise ArgumentError(
            f'scale="{AUTO}" is not for TensorRT, whose engines take minutes to build and have '
            "one scale in them; give a number, or leave TensorRT out"
        )
    if graph:
        raise ArgumentError(
            f'scale="{AUTO}" needs weights, and an ONNX file has one scale in it; leave it out, '
            "or give weights as model="
        )


def check_nodes(scale: object, tta: str | None, device: object) -> None:
    """ArgumentError for what backend "mlrt" cannot do, which is one node with one graph."""
    asked = {
        "scale": scale if scale == AUTO else None,
        "tta": tta,
        "device": list(device) if isinstance(device, tuple) else None,
    }
    for name, value in asked.items():
        if value is not None:
            raise ArgumentError(
                f"{name}={value!r} is not for backend 'mlrt', which has one graph in one node; "
                "leave it out, or name another backend"
            )
