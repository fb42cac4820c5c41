"""The training loop: draw a batch, step, average the weights, save; stop and go on at any step."""

from __future__ import annotations

import copy
import datetime
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vsrife import messages
from vsrife.errors import MediaError, ModelError, RifeError
from vsrife.network import build
from vsrife.network.own.pyramid import Watcher
from vsrife.network.own.pyramid_row import COARSE
from vsrife.training.before_run import check_folder, check_footage, started_from
from vsrife.training.centred import CentredNet, folded, unfold
from vsrife.training.checkpoint import load_checkpoint, save_checkpoint
from vsrife.training.first_weights import Trained, make
from vsrife.training.loss import Found, psnr, total_loss
from vsrife.training.material.batches import Ahead, Mixer
from vsrife.training.material.drawn_scenes import Batch, Scenes
from vsrife.training.material.footage import SIDE, Footage
from vsrife.training.muon import Muon
from vsrife.training.perceptual import PerceptualLoss
from vsrife.training.run_options import Options
from vsrife.training.teacher import Teacher
from vsrife.weights import save_weights

WARM_UP = 50  # steps
EMA = 0.999
CLIP = 1.0  # largest norm of a step's gradient
PERCEPTUAL_WEIGHT = 0.05  # where there is such a loss
# The rate falls in a straight line over this last share of the run, to the share LAST_RATE
FALLING, LAST_RATE = 0.75, 0.02
KNOWN_STEPS = 4000  # of the weights that a run starts from, where their losses have faded
HELD_OUT = 24  # generated scenes that progress is measured on
HELD_OUT_SIZE = 128  # pixels
CALIBRATION = 4  # batches that centred layers are folded by
# Of the rate, for the last layers of the blocks at 1/32 and 1/16. At the whole rate a step moves
# flow by 0.2 pixels at random, and a block does best that makes its features small
COARSE_FLOW = 0.2


class Run:
    """One training run with all its state; `train` makes, advances and saves it."""

    def __init__(self, options: Options, scenes: Scenes, footage: Footage | None = None) -> None:
        self.options, self.step, self.elapsed = options, 0, 0.0
        torch.manual_seed(options.seed)
        self.model = make(options.model).to(options.device)
        # a step takes a third less time: convolutions of few channels prefer this order
        self.model.train().to(memory_format=torch.channels_last)
        self.perceptual = (
            PerceptualLoss(options.perceptual).to(options.device) if options.perceptual else None
        )
        generator = torch.Generator().manual_seed(options.seed)
        teacher = (
            Teacher(options.teacher, options.device, options.autocast) if options.teacher else None
        )
        mixer = Mixer(scenes, footage, options.count, options.size, teacher)
        fixed = torch.Generator().manual_seed(1)  # the same scenes whatever the run's seed
        self.held_out = scenes.draw(fixed, HELD_OUT, HELD_OUT_SIZE)
        centred = isinstance(self.model, CentredNet)
        self.calibration = [mixer.draw(fixed) for _ in range(CALIBRATION if centred else 0)]
        if options.start:
            state, taken = started_from(options.start, self.model)
            self.model.load_state_dict(state)
            messages.say(
                f"{taken} of the network's {len(state)} tensors are begun from {options.start}"
            )
            if isinstance(self.model, CentredNet):
                unfold(self.model, self.calibration)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.optimizer = Muon(_groups(self.model), options.rate)
        self.batches = Ahead(mixer, generator)

    @property
    def progress(self) -> float:
        """0 at the start of the run, 1 at its end."""
        if self.options.steps is not None:
            return min(1.0, self.step / self.options.steps)
        assert self.options.minutes is not None  # Options takes one of the two
        return min(1.0, self.elapsed / (60 * self.options.minutes))

    def advance(self) -> float:
        """One step; gives its loss."""
        started = time.monotonic()
        batch = self.batches.take()
        rate = self.options.rate * _schedule(self.step, self.progress)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        loss = self._loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self._follow()
        self.step += 1
        self.elapsed += time.monotonic() - started
        return float(loss.detach())

    def _loss(self, batch: Batch) -> torch.Tensor:
        device = torch.device(self.options.device).type
        with torch.autocast(device, torch.bfloat16, enabled=self.options.autocast):
            found = find(self.model, batch)
        seen = (
            PERCEPTUAL_WEIGHT * self.perceptual(found.image, batch.truth) if self.perceptual else 0
        )
        known = KNOWN_STEPS if self.options.start else 0
        return seen + total_loss(found, batch, self.step + known)

    @torch.no_grad()
    def _follow(self) -> None:
        # else the random start would stay in the average for long
        keep = min(EMA, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(now, 1 - keep)

    @torch.inference_mode()
    def measure(self) -> tuple[float, float]:
        """Mean PSNR of the averaged weights and of blending, in dB, on the held-out scenes."""
        held = self.held_out
        net = build(self.options.model, state_dict=self.weights()).to(self.options.device)
        image = net(held.img0, held.img1, held.timestep)
        blend = torch.lerp(held.img0, held.img1, held.timestep)
        return float(psnr(image, held.truth).mean()), float(psnr(blend, held.truth).mean())

    def weights(self) -> dict[str, torch.Tensor]:
        """The averaged weights, as they are used."""
        if isinstance(self.average, CentredNet):
            return folded(self.average, self.calibration)
        return self.average.state_dict()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to continue exactly where this run stands."""
        return {
            "model_name": self.options.model,
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "batches": self.batches.state,
            "step": self.step,
            "elapsed": self.elapsed,
        }

    def restore(self, state: dict[str, Any]) -> None:
        if state["model_name"] != self.options.model:
            raise ModelError(
                f"the checkpoint is of model {state['model_name']}, not {self.options.model}; "
                "choose another folder"
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.batches.restore(state["batches"])
        self.step, self.elapsed = state["step"], state["elapsed"]

    def save(self) -> None:
        """Checkpoint and averaged weights into the folder, each whole or not at all.

        MediaError if one cannot be written; what was saved before is still there.
        """
        save_checkpoint(self.options.checkpoint, self.state())
        facts = {
            "licence": "MIT",
            "steps": str(self.step),
            "minutes": f"{self.elapsed / 60:.1f}",
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        }
        name = self.options.model
        # safetensors wants tensors in the usual order
        state = {key: value.contiguous() for key, value in self.weights().items()}
        facts |= {"model": name, "arch": name}
        path = self.options.folder / f"{name}.safetensors"
        try:
            save_weights(path, state, facts)
        except OSError as error:
            raise MediaError(
                f"weights {path} cannot be written: {error.strerror}; the checkpoint beside them "
                "is whole, go on with --resume"
            ) from error


def train(options: Options, scenes: Scenes, footage: Footage | None = None) -> Path:
    """Train to the end of the schedule; gives the path of the averaged weights.

    ArgumentError, ModelError or MediaError for what is wrong with options, folder, files or
    footage; what was trained until then is saved.
    """
    check_folder(options)
    check_footage(options, None if footage is None else SIDE)
    options.folder.mkdir(parents=True, exist_ok=True)
    run = Run(options, scenes, footage)
    if options.checkpoint.exists():
        run.restore(load_checkpoint(options.checkpoint, run.state(), options.device))
    elif options.resume:
        messages.note(f"{options.folder} holds no checkpoint; a new run begins")
    recent, saved = [], time.monotonic()
    while run.progress < 1:
        recent.append(_advance(run))
        if run.step % options.log_every == 0:
            _log(run, sum(recent) / len(recent))
            recent = []
        if run.step % options.measure_every == 0:
            ours, blend = run.measure()
            messages.say(f"step {run.step}: held-out {ours:.2f} dB, blend {blend:.2f} dB")
        if time.monotonic() - saved > options.save_seconds:
            run.save()
            saved = time.monotonic()
    run.save()
    ours, blend = run.measure()
    messages.say(f"end, step {run.step}: held-out {ours:.2f} dB, blend {blend:.2f} dB")
    return options.folder / f"{options.model}.safetensors"


def _advance(run: Run) -> float:
    """One step; if its batch cannot be drawn, the steps before it are saved."""
    step = run.step
    try:
        return run.advance()
    except (RifeError, OSError):  # of footage: the step has not begun, so the state is whole
        if step:
            run.save()
        raise


def find(model: Trained, batch: Batch) -> Found:
    """What the network makes of a batch, with all that the loss reads."""
    states: dict[int, torch.Tensor] = {}
    trace: list[tuple[torch.Tensor, torch.Tensor]] = []
    if not isinstance(model, CentredNet):
        sides = model.prepare(batch.img0), model.prepare(batch.img1)
        image = model.interpolate(*sides, batch.timestep, trace, watcher=states.__setitem__)
        flow, mask = trace[-1]
        return Found(image.float(), flow.float(), mask.float(), states)
    matches: list[tuple[torch.Tensor, torch.Tensor]] = []
    meetings: dict[int, torch.Tensor] = {}

    def passed_on(level: int, state: torch.Tensor) -> torch.Tensor:
        states[level] = state
        # flow there is noisy to what is finer, and its losses would push coarse features to nothing
        return torch.cat((state[:, :4].detach(), state[:, 4:]), 1) if level in COARSE else state

    watcher = Watcher(
        state=passed_on,
        matches=lambda there, back: matches.append((there, back)),
        meeting=lambda level, volume, sharpness: meetings.update({level: volume * sharpness}),
    )
    left, right = model.prepare(batch.img0), model.prepare(batch.img1)
    matched = model.match(left, right, watcher)
    image = model.interpolate(left, right, batch.timestep, trace, matched=matched)
    flow, mask = trace[-1]
    made = image.float(), flow.float(), mask.float()
    return Found(*made, states, matches[0], model.arch.radii[-1], meetings, COARSE)


def _groups(model: Trained) -> list[dict[str, Any]]:
    """Parameters by their share of the rate."""
    if not isinstance(model, CentredNet):
        return [{"params": model.parameters(), "share": 1.0}]
    slow = tuple(f"block{level}.out." for level in COARSE)
    shares: dict[float, list[nn.Parameter]] = {1.0: [], COARSE_FLOW: []}
    for name, parameter in model.named_parameters():
        shares[COARSE_FLOW if name.startswith(slow) else 1.0].append(parameter)
    return [{"params": found, "share": share} for share, found in shares.items()]


def _schedule(step: int, progress: float) -> float:
    """Share of the learning rate: a short rise, then constant, then a fall."""
    falling = min(1.0, LAST_RATE + (1 - LAST_RATE) * (1 - progress) / FALLING)
    return min(1.0, (step + 1) / WARM_UP) * falling


def _log(run: Run, loss: float) -> None:
    pace = 1000 * run.elapsed / run.step
    messages.say(
        f"step {run.step} ({100 * run.progress:.1f} %): loss {loss:.4f}, {pace:.0f} ms/step"
    )
