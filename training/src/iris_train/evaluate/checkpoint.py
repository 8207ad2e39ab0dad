"""Detections of a network that is not exported yet."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory

from iris_train.data.packed import Sample
from iris_train.evaluate.model import Detections, Model
from iris_train.evaluate.score import detect
from iris_train.export import onnx
from iris_train.models.detector import Detector


def detections(detector: Detector, samples: list[Sample], size: tuple[int, int]) -> list[Detections]:
    """Find objects by way of an export into a temporary folder, so that there is one way of decoding."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        onnx.graph(deepcopy(detector).cpu().eval(), size, path / "model.onnx")
        onnx.manifest(path, size, onnx.Card("checkpoint", "fp32", "", ""))
        return detect(Model(path), samples)
