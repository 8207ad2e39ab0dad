"""The training loop: resumable at any step, with averaged weights, by steps or by the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from iris_train.data import packed
from iris_train.data.packed import Sample
from iris_train.data.views import Batch, From, Views, collate
from iris_train.errors import InputError
from iris_train.models.detector import Detector, cells
from iris_train.train import loss, warm
from iris_train.train.config import Phase, Run, parse

STATISTICS = 16
"""Batches whose statistics normalisation starts with, where weights are given."""


class Trainer:
    """A run: its weights, its optimiser and how far it is."""

    def __init__(self, run: Run, pools: dict[str, list[Sample]], out: Path):
        self.run, self.pools, self.out = run, pools, out
        torch.manual_seed(run.seed)
        torch.set_num_threads(run.threads)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = Detector(run.network).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = deepcopy(self.model).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(groups(self.model, run.decay), lr=run.rate, betas=(0.9, 0.99))
        self.step, self.seconds = 0, 0.0

    def save(self) -> None:
        """Write `last.pt`, whole or not at all."""
        state = {
            "run": asdict(self.run),
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, self.out / "last.tmp")
        (self.out / "last.tmp").replace(self.out / "last.pt")

    def resume(self) -> None:
        """Go on from `last.pt`."""
        state = torch.load(self.out / "last.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def start(self, model: Path) -> None:
        """Start from the weights of a model folder instead of random ones."""
        batches = islice(self._batches(self.run.phases[0]), STATISTICS)
        warm.load(self.model, model / "model.onnx", (b.images.to(self.device) for b in batches))
        self.averaged.load_state_dict(self.model.state_dict())

    def progress(self) -> float:
        """Return how much of the run is done, 0..1."""
        run = self.run
        return min(1.0, self.step / run.steps if run.steps else self.seconds / 60 / run.minutes)

    def fit(self, stop: Callable[[Trainer], bool] = lambda _: False) -> None:
        """Train to the end, or until `stop` says so after a step."""
        writer = SummaryWriter(str(self.out))
        saved = time.monotonic()
        bar = tqdm(total=100.0, unit="%", mininterval=10, bar_format="{l_bar}{bar}| {elapsed}<{remaining}{postfix}")
        for phase in self.run.phases:
            if self.progress() >= phase.until:
                continue
            grid = cells(phase.size[1], phase.size[0], self.device)
            began = time.monotonic()
            for batch in self._batches(phase):
                values = self._step(batch.to(self.device), grid)
                self.seconds += time.monotonic() - began
                began = time.monotonic()
                if self.step % 20 == 0:
                    self._log(writer, values)
                    bar.set_postfix_str(f"step {self.step} class {values[0]:.3f} box {values[1]:.3f}", refresh=False)
                    bar.update(100 * self.progress() - bar.n)
                if began - saved > self.run.checkpoint_seconds:
                    self.save()
                    saved = time.monotonic()
                if stop(self):
                    self.save()
                    return
                if self.progress() >= phase.until:
                    break
        self.save()
        writer.close()
        bar.close()

    def _batches(self, phase: Phase) -> Iterator[Batch]:
        run = self.run
        augment = run.augment.plain() if phase.plain else run.augment
        names = list(run.shares)
        views = Views([self.pools[n] for n in names], [run.shares[n] for n in names], phase.size, augment, run.seed)
        loader = DataLoader(
            views, run.batch, sampler=From(self.step * run.batch), collate_fn=collate, num_workers=run.workers
        )
        yield from loader

    def _step(self, batch: Batch, grid: Tensor) -> tuple[float, float]:
        run = self.run
        warm = min(1.0, (self.step + 1) / run.warm_up)
        rate = run.rate * warm * (0.02 + 0.98 * (1 + math.cos(math.pi * self.progress())) / 2)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        images = batch.images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=run.low_precision):
            logits, sides = self.model(images)
        class_loss, box_loss = loss.detection(logits, sides, batch, grid)
        self.optimiser.zero_grad()
        (class_loss + box_loss).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), run.clip)
        self.optimiser.step()
        self.step += 1
        if self.step % 4 == 0:
            average(self.averaged, self.model, min(run.ema, self.step / (self.step + 40)))
        return float(class_loss.detach()), float(box_loss.detach())

    def _log(self, writer: SummaryWriter, values: tuple[float, float]) -> None:
        rate = self.optimiser.param_groups[0]["lr"]
        shown = {"loss/class": values[0], "loss/box": values[1], "rate": rate, "views": self.step * self.run.batch}
        for name, value in (shown | {"minutes": self.seconds / 60}).items():
            writer.add_scalar(name, value, self.step)


def groups(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Split parameters: weights of convolutions decay, biases and normalisation do not."""
    weights = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


@torch.no_grad()
def average(into: nn.Module, model: nn.Module, decay: float) -> None:
    """Move averaged weights towards the model's."""
    for mine, theirs in zip(into.state_dict().values(), model.state_dict().values(), strict=True):
        if mine.is_floating_point():
            mine.lerp_(theirs, 1 - decay)
        else:
            mine.copy_(theirs)


def open_pools(run: Run, data: Path) -> dict[str, list[Sample]]:
    """Read the packed sets that a run draws from."""
    return {name: packed.read(data / name / "train.json") for name in run.shares}


def detector(checkpoint: Path) -> tuple[Detector, Run]:
    """Open a checkpoint's averaged weights."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        run = parse(state["run"])
    except FileNotFoundError as e:
        raise InputError(checkpoint, "is missing") from e
    except (KeyError, RuntimeError) as e:
        raise InputError(checkpoint, f"is not a checkpoint: {e}") from e
    model = Detector(run.network)
    model.load_state_dict(state["averaged"])
    return model.eval(), run
