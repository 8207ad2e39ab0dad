"""What the parts of the augmentation are worth: short runs that differ in one part alone, as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from iris_train.data import packed
from iris_train.data.packed import Sample
from iris_train.evaluate.checkpoint import accuracy
from iris_train.train.config import Run
from iris_train.train.loop import Trainer, open_pools

GEOMETRY: dict[str, Any] = {
    "mosaic": 0.0,
    "mixup": 0.0,
    "flip": 0.0,
    "smallest": 1.0,
    "largest": 1.0,
    "aspect": 0.0,
}
COLOURS: dict[str, Any] = {"hsv": (0.0, 0.0, 0.0), "grey": 0.0}
CAMERA: dict[str, Any] = {"blur": 0.0, "noise": 0.0, "compression": 0.0}
SCENE: dict[str, Any] = {"night": 0.0, "infrared": 0.0, "rain": 0.0, "occlusion": 0.0}
PARTS: dict[str, dict[str, Any]] = {
    "as configured": {},
    "nothing": GEOMETRY | COLOURS | CAMERA | SCENE,
    "geometry alone": COLOURS | CAMERA | SCENE,
    "looks alone": GEOMETRY,
    "no mosaic": {"mosaic": 0.0},
    "no scaling": {"smallest": 1.0, "largest": 1.0},
    "no stretching, no flipping": {"aspect": 0.0, "flip": 0.0},
    "no colours (HSV, grey)": COLOURS,
    "no camera (blur, noise, compression)": CAMERA,
    "no scene (night, infrared, rain, occlusion)": SCENE,
}
"""What is changed in a run's augmentation. Without scaling a picture still fits the view, covers it, or is between."""


def rows(run: Run, against: dict[str, Run]) -> dict[str, Run]:
    """Return the runs to compare, by the names of their rows: those of `against` before the parts."""
    parts = {part: replace(run, augment=replace(run.augment, **change)) for part, change in PARTS.items()}
    first = next(iter(parts))
    return {first: run} | against | parts


def ablate(
    runs: dict[str, Run], data: Path, validate: list[str], table: Path, seeds: int, pictures: int, start: Path | None
) -> None:
    """Train `seeds` times as each of `runs` says, and write AP50 as a Markdown table, which grows with each run.

    Of each set at most so many `pictures` are used, evenly out of all; 0: all. A cell is the mean over the seeds; the
    last column also says the lowest and the highest mean over the sets.
    """
    samples = {name: packed.read(data / name / "val.json") for name in validate}
    lines: list[str] = []
    for name, run in runs.items():
        pools = {k: few(pool, pictures) for k, pool in open_pools(run, data).items()}
        measured = []
        for seed in range(run.seed, run.seed + seeds):
            with TemporaryDirectory() as folder:
                trainer = Trainer(replace(run, seed=seed), pools, Path(folder))
                if start:
                    trainer.start(start)
                trainer.fit()
                measured.append(accuracy(trainer.averaged, samples, run.phases[-1].size))
        if not lines:
            columns = list(measured[0])
            lines = [f"| | {' | '.join(columns)} | mean (from, to) |", "|---|" + "---|" * (len(columns) + 1)]
        values = np.array([list(m.values()) for m in measured])
        means = values.mean(1)
        cells = [f"{v:.3f}" for v in values.mean(0)]
        lines.append(f"| {name} | {' | '.join(cells)} | {means.mean():.3f} ({means.min():.3f}, {means.max():.3f}) |")
        table.write_text("\n".join(lines) + "\n")


def few(pool: list[Sample], count: int) -> list[Sample]:
    """Return `count` of a set's pictures, evenly out of all; all if there are not more, or with a `count` of 0."""
    if not 0 < count < len(pool):
        return pool
    return [pool[i * len(pool) // count] for i in range(count)]
