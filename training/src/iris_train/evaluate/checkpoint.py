"""Detections and accuracy of a network that is not exported yet."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from iris_train.data.packed import Sample
from iris_train.evaluate.model import Detections, Model
from iris_train.evaluate.score import GROUPS, detect, score_group
from iris_train.export import onnx
from iris_train.models.detector import Detector


def detections(detector: Detector, samples: list[Sample], size: tuple[int, int]) -> list[Detections]:
    """Find objects by way of an export into a temporary folder, so that there is one way of decoding."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        onnx.graph(deepcopy(detector).cpu().eval(), size, path / "model.onnx")
        onnx.manifest(path, size, onnx.Card("checkpoint", "fp32", "", ""))
        return detect(Model(path), samples)


def accuracy(detector: Detector, sets: dict[str, list[Sample]], size: tuple[int, int]) -> dict[str, float]:
    """Return AP50 of persons and of vehicles on each set whose people labelled all of them, as `set person`."""
    out = {}
    for name, samples in sets.items():
        found = detections(detector, samples, size)
        for group in ("person", "vehicle"):
            if set(GROUPS[group]) <= set(samples[0].people):
                score = score_group(samples, found, GROUPS[group])
                if score.boxes:
                    out[f"{name} {group}"] = score.ap50
    return out
