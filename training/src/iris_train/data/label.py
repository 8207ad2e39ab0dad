"""Completing sets with a teacher: its boxes where a set does not label, its doubts as ignored regions."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import onnx
from tqdm import tqdm

from iris_train import classes
from iris_train.data import packed, sets
from iris_train.data.packed import Sample
from iris_train.data.sets import Labels
from iris_train.evaluate.model import Detections, Image, Model, overlaps, session, suppress

LONGEST = 640
"""Pixels of a packed image's longer side at most."""
FLOOR = 0.1
"""A teacher's boxes below this score are not even ignored."""
CONTRADICTS = 0.45
"""From this score on, a teacher's box that a person did not draw is ignored."""
SURE = {"person": 0.35}
"""From this score on (others: 0.5) a teacher's box of a class that a set does not label is right."""


class Teacher:
    """A detector at its own input size and at a larger one, merged by suppression."""

    def __init__(self, folder: Path, larger: int = 640, threads: int = 1):
        self.models = [Model(folder, threads)]
        if self.models[0].output["decoder"] == "yolox" and larger:
            self.models.append(resized(folder, larger, threads))
        names = self.models[0].classes
        self.ours = np.array([classes.NAMES.index(n) if n in classes.NAMES else -1 for n in names])

    def __call__(self, image: Image) -> Detections:
        """Find our classes in an image."""
        found = [m(image, FLOOR) for m in self.models]
        boxes = np.concatenate([f.boxes for f in found])
        scores = np.concatenate([f.scores for f in found])
        kinds = self.ours[np.concatenate([f.classes for f in found])]
        known = kinds >= 0
        boxes, scores, kinds = boxes[known], scores[known], kinds[known]
        kept = suppress(boxes, scores, kinds, 0.6)
        return Detections(boxes[kept], scores[kept], kinds[kept])


def resized(folder: Path, side: int, threads: int) -> Model:
    """Open a YOLOX export at another square input size: its input is widened and its reshapes take any batch."""
    model = copy.copy(Model(folder, threads))
    graph = onnx.load(folder / "model.onnx")
    for d in graph.graph.input[0].type.tensor_type.shape.dim[2:]:
        d.dim_value = side
    del graph.graph.value_info[:]
    for out in graph.graph.output:
        out.type.tensor_type.ClearField("shape")
    model.session = session(graph.SerializeToString(), threads)
    model.size = (side, side)
    return model


def complete(labels: Labels, found: Detections, labelled: tuple[int, ...], add: tuple[int, ...]) -> Labels:
    """Add to a set's labels what a teacher found.

    Of a class in `labelled`, people's boxes win: a teacher's box that matches none is ignored from `CONTRADICTS` on. Of
    others, and of those in `add`, it is right if sure and ignored if not.
    """
    rows: list[tuple[list[float], int, bool, float]] = []
    vehicles = classes.expand("vehicle")
    for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
        kin = np.isin(labels.classes, vehicles if kind in vehicles else [kind])
        # People mark machines to be ignored that a teacher takes for anything on wheels.
        kin = kin | (labels.ignore & (kind != classes.index("person")))
        if kin.any() and overlaps(box[None], labels.boxes[kin]).max() > 0.5:
            continue
        by_people = kind in labelled and kind not in add
        sure = score >= SURE.get(classes.NAMES[kind], 0.5) and not by_people
        if sure or not by_people or score >= CONTRADICTS:
            rows.append((box.tolist(), int(kind), not sure, float(score)))
    return labels.joined(Labels.of(rows))


def pack(source: sets.Source, root: Path, out: Path, teacher: Teacher | None) -> dict[str, int]:
    """Write a packed set: the number of images for training and for validation."""
    items = sets.items(source, root)
    split: dict[str, list[Sample]] = {"train": [], "val": []}
    (out / source.name / "images").mkdir(parents=True, exist_ok=True)
    labelled = tuple(classes.index(n) for n in source.labelled)
    add = tuple(classes.index(n) for n in source.add)
    for i, item in enumerate(tqdm(items, desc=source.name, mininterval=5)):
        image = sets.picture(item.image)
        labels = source.boxes(item)
        if teacher is not None and len(labelled) - len(add) < len(classes.NAMES):
            filmed, x = _unstretched(image, source.aspect)
            found = teacher(filmed)
            found.boxes /= np.array([x, 1, x, 1], np.float32)
            labels = complete(labels, found, labelled, add)
        known = tuple(range(len(classes.NAMES))) if teacher is not None else labelled
        name = f"{i:05}.jpg"
        small, scale = _shrunk(image)
        cv2.imwrite(str(out / source.name / "images" / name), small, [cv2.IMWRITE_JPEG_QUALITY, 92])
        size = (small.shape[1], small.shape[0])
        sample = Sample(Path(name), packed.scaled(labels, scale, scale), known, source.aspect, size, labelled)
        split["val" if source.validates(i, len(items), item.image) else "train"].append(sample)
    for name, samples in split.items():
        packed.write(out / source.name / f"{name}.json", samples)
    return {name: len(samples) for name, samples in split.items()}


def _unstretched(image: Image, aspect: float) -> tuple[Image, float]:
    """Return the image as filmed, and what x was multiplied by."""
    if not aspect:
        return image, 1.0
    height = image.shape[0]
    width = round(height * aspect)
    return np.asarray(cv2.resize(image, (width, height)), np.uint8), width / image.shape[1]


def _shrunk(image: Image) -> tuple[Image, float]:
    scale = min(1.0, LONGEST / max(image.shape[:2]))
    if scale == 1.0:
        return image, 1.0
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale
