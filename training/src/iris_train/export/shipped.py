"""From a float model folder to the INT8 one that is shipped: measured, and repaired where it loses too much."""

from __future__ import annotations

import argparse
import json
import tomllib
from pathlib import Path

import numpy as np

from iris_train.data import sets
from iris_train.errors import InputError
from iris_train.evaluate.model import Floats, Model
from iris_train.evaluate.score import evaluate
from iris_train.export import onnx, quantize


def accuracy(folder: Path, validate: list[Path]) -> dict[str, float]:
    """Return AP50 of persons and vehicles on each set."""
    model = Model(folder)
    out: dict[str, float] = {}
    for path in validate:
        scores = evaluate(model, path).scores
        out |= {f"{path.parent.name}_{g}": s.ap50 for g, s in scores.items() if g in ("person", "vehicle")}
    return out


def quantise(args: argparse.Namespace) -> None:
    """Carry out `iris-train quantize`."""
    source: Path = args.model
    size = Model(source).size
    tensors = quantize.calibration(Model(source), args.calibrate, args.images)
    before = accuracy(source, args.validate)
    costs = quantize.sensitivity(source / "model.onnx", tensors[:: max(1, len(tensors) // 24)])
    kept, lost, after = _measured(args, source, tensors, costs, before)
    if lost > args.bound and args.finetune:
        source = _finetuned(args, size)
        kept, lost, after = _measured(args, source, tensors, costs, before)
    onnx.manifest(args.out, size, _card(args.model), after)
    onnx.parity(args.out, sets.picture(args.model / "parity.png"), size)
    state = {"sensitivity": dict(costs), "float": kept, "loss": lost, "before": before, "after": after}
    (args.out / "quantisation.json").write_text(json.dumps(state, indent=1) + "\n")
    print(f"{args.out}: {lost:+.4f} AP50 lost on the mean, {len(kept)} convolutions in float")
    for name in before:
        print(f"  {name}: {before[name]:.3f} -> {after[name]:.3f}")
    if lost > args.bound:
        raise InputError(args.out, f"loses {lost:.4f} AP50, more than {args.bound}: fine-tune with --finetune")


def _measured(
    args: argparse.Namespace,
    source: Path,
    tensors: list[Floats],
    costs: list[tuple[str, float]],
    before: dict[str, float],
) -> tuple[list[str], float, dict[str, float]]:
    """Quantise within the bound: the layers left in float, the AP50 lost on the mean, and what is left of each."""
    args.out.mkdir(parents=True, exist_ok=True)
    after: dict[str, float] = {}

    def loss(kept: list[str]) -> float:
        quantize.quantise(
            source / "model.onnx", args.out / "model.onnx", tensors, args.method, kept, signed=args.signed
        )
        onnx.manifest(args.out, Model(source).size, _card(args.model))
        after.update(accuracy(args.out, args.validate))
        return float(np.mean([before[k] - after[k] for k in before]))

    return *quantize.within(args.bound, costs, loss), after


def _card(folder: Path) -> onnx.Card:
    raw = tomllib.loads((folder / "model.toml").read_text())
    return onnx.Card(raw["name"], "int8", raw.get("data", ""), raw.get("licence", ""))


def _finetuned(args: argparse.Namespace, size: tuple[int, int]) -> Path:
    """Fine-tune a checkpoint with rounding, and export it beside the INT8 model."""
    from iris_train.train import loop, qat

    if args.finetune_data is None:
        raise InputError(args.finetune, "--finetune needs --finetune-data")
    detector, run = loop.detector(args.finetune)
    folder: Path = args.out / "finetuned"
    folder.mkdir(parents=True, exist_ok=True)
    trainer = loop.Trainer(run, loop.open_pools(run, args.finetune_data), folder)
    tuned = qat.tune(trainer, detector, args.finetune_steps)
    onnx.graph(tuned, size, folder / "model.onnx")
    onnx.manifest(folder, size, _card(args.model))
    return folder
