"""The part of a network that sees one image alone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from vsrife.network.table import SLOPE, Encoder


class NamedEncoder(nn.Module):
    """Encoder whose layers are cnn0, cnn1, ...; clamps its image for itself."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        for name, layer in zip(encoder.layers, _encoder_layers(encoder), strict=True):
            self.add_module(name, layer)

    def forward(self, image: Tensor) -> Tensor:
        *convs, last = self.children()
        x = image.clamp(0, 1)
        for conv in convs:
            x = F.leaky_relu(conv(x), SLOPE)
        return last(x)  # type: ignore[no-any-return]  # nn.Module calls are Any


def _encoder_layers(encoder: Encoder) -> list[nn.Module]:
    hidden = encoder.hidden
    convs: list[nn.Module] = [
        nn.Conv2d(hidden if j else 3, hidden, 3, 1 if j else 2, 1) for j in range(encoder.convs)
    ]
    return [*convs, nn.ConvTranspose2d(hidden, encoder.out, 4, 2, 1)]


def make_encoder(encoder: Encoder) -> nn.Module:
    if not encoder.numbered:
        return NamedEncoder(encoder)
    layers = _encoder_layers(encoder)
    if encoder.linear:
        return nn.Sequential(*layers)
    with_activations = [m for conv in layers[:-1] for m in (conv, nn.LeakyReLU(SLOPE))]
    return nn.Sequential(*with_activations, layers[-1])
