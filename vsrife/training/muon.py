"""The optimizer: Muon for convolutions, Adam for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) orthogonalises each step of a
matrix, so rare directions are learnt as fast as common ones. torch.optim.Muon supports 2-D
parameters only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

MOMENTUM = 0.95  # of Muon
DECAY = 0.03  # of weights, per step and unit of the rate
BETAS = (0.9, 0.999)  # of Adam
# RMS of a step, matched to Adam's, so that both share a learning rate (Liu et al. 2025,
# arXiv:2502.16982, section 2.2)
LENGTH = 0.2
# Newton-Schulz: five iterations of this polynomial bring all singular values near 1 (Jordan)
ROUNDS, POLYNOMIAL = 5, (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Treats parameters of four dimensions as matrices (outputs, inputs * height * width)."""

    def __init__(
        self,
        params: Iterable[Parameter] | Iterable[dict[str, Any]],
        lr: float,
        weight_decay: float = DECAY,
    ) -> None:
        """params: parameters, or groups of them as of any optimizer."""
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # no closures
        """One step; `closure` is ignored."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if parameter.ndim == 4:
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.sub_(_muon_step(parameter.grad, state), alpha=group["lr"])
                else:
                    parameter.sub_(_adam_step(parameter.grad, state), alpha=group["lr"])


def _muon_step(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    if not state:
        state["mean"] = torch.zeros_like(gradient)
    mean = state["mean"].lerp_(gradient, 1 - MOMENTUM)
    ahead = gradient.lerp(mean, MOMENTUM).flatten(1)  # Nesterov momentum
    return orthogonal(ahead).mul(LENGTH * max(ahead.shape) ** 0.5).view_as(gradient)


def _adam_step(gradient: Tensor, state: dict[str, Any]) -> Tensor:
    if not state:
        state["mean"], state["square"] = torch.zeros_like(gradient), torch.zeros_like(gradient)
        state["step"] = 0
    state["step"] += 1
    state["mean"].lerp_(gradient, 1 - BETAS[0])
    state["square"].lerp_(gradient.square(), 1 - BETAS[1])
    mean: Tensor = state["mean"] / (1 - BETAS[0] ** state["step"])
    square: Tensor = state["square"] / (1 - BETAS[1] ** state["step"])
    return mean / (square.sqrt() + 1e-8)


def orthogonal(matrix: Tensor) -> Tensor:
    """(R, C) -> about the nearest semi-orthogonal matrix; its singular values are 0.7 to 1.2."""
    a, b, c = POLYNOMIAL
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.T if tall else x
    return result
