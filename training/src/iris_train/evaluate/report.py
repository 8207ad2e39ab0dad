"""Models side by side: a table, and plots of precision over recall, of sizes and of confusion."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from iris_train import classes
from iris_train.data.check import sheet
from iris_train.evaluate.score import SIZES, Result

Results = dict[str, dict[str, Result]]
"""Set, model, result."""


def table(results: Results) -> str:
    """Return AP50 and AP as a Markdown table, a line for each set and group, a column for each model."""
    models = list(dict.fromkeys(m for per_set in results.values() for m in per_set))
    lines = ["| set | class | boxes | " + " | ".join(models) + " |", "|---|---|---|" + "---|" * len(models)]
    for name, per_set in results.items():
        for group in dict.fromkeys(g for r in per_set.values() for g in r.scores):
            got = [per_set[m].scores.get(group) if m in per_set else None for m in models]
            boxes = next(s.boxes for s in got if s)
            cells = [f"{s.ap50:.3f} ({s.ap:.3f})" if s else "" for s in got]
            lines.append(f"| {name} | {group} | {boxes} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def sizes(results: Results, groups: tuple[str, ...] = ("person", "vehicle")) -> str:
    """Return AP50 by size of box as a Markdown table."""
    models = list(dict.fromkeys(m for per_set in results.values() for m in per_set))
    lines = ["| set | class | size | boxes | " + " | ".join(models) + " |", "|---|---|---|---|" + "---|" * len(models)]
    for name, per_set in results.items():
        for group in groups:
            got = [per_set[m].scores.get(group) if m in per_set else None for m in models]
            for size in SIZES:
                boxes = max((s.by_size[size][0] for s in got if s), default=0)
                if boxes:
                    cells = [f"{s.by_size[size][1]:.3f}" if s else "" for s in got]
                    lines.append(f"| {name} | {group} | {size} | {boxes} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(results: Results, out: Path) -> None:
    """Write `report.md`, `results.json`, the plots, and sheets of the worst pictures."""
    out.mkdir(parents=True, exist_ok=True)
    text = "AP50 (AP)\n\n" + table(results) + "\n\nAP50 by size\n\n" + sizes(results) + "\n"
    (out / "report.md").write_text(text)
    raw = {s: {m: {g: asdict(x) for g, x in r.scores.items()} for m, r in p.items()} for s, p in results.items()}
    (out / "results.json").write_text(json.dumps(raw, indent=1))
    for name, per_set in results.items():
        curves(name, per_set, out / f"{name}-precision-recall.png")
        by_size(name, per_set, out / f"{name}-size.png")
        for model, result in per_set.items():
            confusion(result, out / f"{name}-{model}-confusion.png")
            sheet(result.worst, out / f"{name}-{model}-worst.jpg", columns=3)


def curves(name: str, per_set: dict[str, Result], path: Path) -> None:
    """Draw precision over recall."""
    groups = [g for g in ("person", "vehicle") if any(g in r.scores for r in per_set.values())]
    figure, axes = plt.subplots(1, max(1, len(groups)), figsize=(5 * max(1, len(groups)), 4), squeeze=False)
    for axis, group in zip(axes[0], groups, strict=False):
        for model, result in per_set.items():
            if group in result.scores:
                axis.plot(np.linspace(0, 1, 101), result.scores[group].curve, label=model)
        axis.set(title=f"{name}: {group}", xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        axis.legend()
    _save(figure, path)


def by_size(name: str, per_set: dict[str, Result], path: Path) -> None:
    """Draw AP50 by size of box."""
    groups = [g for g in ("person", "vehicle") if any(g in r.scores for r in per_set.values())]
    figure, axes = plt.subplots(1, max(1, len(groups)), figsize=(5 * max(1, len(groups)), 4), squeeze=False)
    for axis, group in zip(axes[0], groups, strict=False):
        with_group = [(m, r.scores[group]) for m, r in per_set.items() if group in r.scores]
        for i, (model, score) in enumerate(with_group):
            places = np.arange(len(SIZES)) + i * 0.8 / len(with_group)
            axis.bar(places, [score.by_size[s][1] for s in SIZES], 0.8 / len(with_group), label=model)
        axis.set(title=f"{name}: {group}, AP50", ylim=(0, 1))
        axis.set_xticks(np.arange(len(SIZES)) + 0.3, [f"{s} ({with_group[0][1].by_size[s][0]})" for s in SIZES])
        axis.legend()
    _save(figure, path)


def confusion(result: Result, path: Path) -> None:
    """Draw which class true boxes were found as."""
    names = [*classes.NAMES, "none"]
    figure, axis = plt.subplots(figsize=(5, 4.5))
    shares = result.confusion / np.maximum(result.confusion.sum(1, keepdims=True), 1)
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (y, x), n in np.ndenumerate(result.confusion):
        axis.text(x, y, str(n), ha="center", va="center", fontsize=7)
    axis.set_xticks(range(7), names, rotation=45)
    axis.set_yticks(range(7), names)
    axis.set(xlabel="found", ylabel="true")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
