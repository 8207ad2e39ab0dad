"""What the parts of the augmentation are worth: short runs that differ in one part alone, as a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from iris_train.data import packed
from iris_train.evaluate.checkpoint import accuracy
from iris_train.train.config import Run
from iris_train.train.loop import Trainer, open_pools

PARTS: dict[str, dict[str, Any]] = {
    "as configured": {},
    "no mosaic": {"mosaic": 0.0},
    "mix-up of 0.15": {"mixup": 0.15},
    "no scaling beyond what fits and covers": {"smallest": 1.0, "largest": 1.0},
    "no stretching, no flipping": {"aspect": 0.0, "flip": 0.0},
    "no colours (HSV, grey)": {"hsv": (0.0, 0.0, 0.0), "grey": 0.0},
    "no camera (blur, noise, compression)": {"blur": 0.0, "noise": 0.0, "compression": 0.0},
    "no scene (night, infrared, rain, occlusion)": {"night": 0.0, "infrared": 0.0, "rain": 0.0, "occlusion": 0.0},
}
"""What is changed in a run's augmentation."""


def ablate(run: Run, data: Path, validate: list[str], table: Path, seeds: int, start: Path | None = None) -> None:
    """Train `seeds` times with each of `PARTS`, and write AP50 as a Markdown table, which grows with each part.

    A cell is the mean over the seeds; the last column also says the lowest and the highest mean over the sets.
    """
    pools = open_pools(run, data)
    samples = {name: packed.read(data / name / "val.json") for name in validate}
    lines: list[str] = []
    for part, change in PARTS.items():
        rows = []
        for seed in range(run.seed, run.seed + seeds):
            with TemporaryDirectory() as folder:
                changed = replace(run, augment=replace(run.augment, **change), seed=seed)
                trainer = Trainer(changed, pools, Path(folder))
                if start:
                    trainer.start(start)
                trainer.fit()
                rows.append(accuracy(trainer.averaged, samples, run.phases[-1].size))
        if not lines:
            lines = ["| | " + " | ".join(rows[0]) + " | mean (from, to) |", "|---|" + "---|" * (len(rows[0]) + 1)]
        values = np.array([list(r.values()) for r in rows])
        means = values.mean(1)
        cells = [f"{v:.3f}" for v in values.mean(0)]
        lines.append(f"| {part} | {' | '.join(cells)} | {means.mean():.3f} ({means.min():.3f}, {means.max():.3f}) |")
        table.write_text("\n".join(lines) + "\n")
