"""Processor time of models on one core, taken in turns so that a busy machine is unfair to none."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from iris_train.evaluate.model import Model


def bench(folders: list[Path], rounds: int) -> dict[str, tuple[float, float]]:
    """Return for each model the tenth percentile and the median of its milliseconds an inference, batch 1."""
    models = [Model(f) for f in folders]
    rng = np.random.default_rng(1)
    inputs = [m.prepare(rng.integers(0, 256, (360, 640, 3), dtype=np.uint8))[0] for m in models]
    taken: list[list[float]] = [[] for _ in models]
    for i in range(rounds + 3):
        for model, tensor, times in zip(models, inputs, taken, strict=True):
            began = time.process_time_ns()
            model.run(tensor)
            if i >= 3:
                times.append((time.process_time_ns() - began) / 1e6)
    return {str(f): (float(np.percentile(t, 10)), float(np.median(t))) for f, t in zip(folders, taken, strict=True)}
