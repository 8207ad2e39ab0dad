"""COCO's measures (pycocotools) of models on packed sets, for each class, for vehicles as one, and by size."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from iris_train import classes
from iris_train.data import packed, sets
from iris_train.data.packed import Sample
from iris_train.data.sets import Labels
from iris_train.evaluate.model import Detections, Floats, Image, Model, overlaps, suppress

GROUPS: dict[str, tuple[int, ...]] = {
    "person": classes.expand("person"),
    "vehicle": classes.expand("vehicle"),
    **{n: classes.expand(n) for n in classes.NAMES if n != "person"},
}
"""What is scored: a group's classes count as one."""
SIZES = ("small", "medium", "large")
"""COCO's: areas below 32² and 96² pixels of the packed image, and above."""


@dataclass
class Score:
    """Of one model on one group of classes of one set."""

    boxes: int
    ap50: float
    ap: float
    """Mean over overlaps of 0.50 to 0.95."""
    by_size: dict[str, tuple[int, float]]
    """Boxes and AP50."""
    curve: list[float]
    """Precision at recalls of 0, 0.01 .. 1 (overlap 0.5)."""


@dataclass
class Result:
    """Of one model on one set."""

    scores: dict[str, Score] = field(default_factory=dict)
    confusion: NDArray[np.int64] = field(default_factory=lambda: np.zeros((7, 7), np.int64))
    """True class, found class (score 0.3, overlap 0.5), the last row and column standing for none."""
    worst: list[Image] = field(default_factory=list)
    """Tiles of the pictures with most misses (orange) and false boxes (red), what was found in green."""


def as_filmed(sample: Sample) -> tuple[Image, float]:
    """Read an image, unstretched, and return what its x was multiplied by."""
    image = sets.picture(sample.image)
    if not sample.aspect:
        return image, 1.0
    height, width = image.shape[:2]
    wide = round(height * sample.aspect)
    return np.asarray(cv2.resize(image, (wide, height)), np.uint8), wide / width


def detect(model: Model, samples: list[Sample]) -> list[Detections]:
    """Find our classes in each sample, in the pixels of the packed image."""
    ours = np.array([classes.NAMES.index(n) if n in classes.NAMES else -1 for n in model.classes])
    out = []
    for sample in tqdm(samples, desc=model.name, leave=False, mininterval=5):
        image, x = as_filmed(sample)
        found = model(image)
        kinds = ours[found.classes]
        boxes = (found.boxes[kinds >= 0] / np.array([x, 1, x, 1])).astype(np.float32)
        out.append(Detections(boxes, found.scores[kinds >= 0], kinds[kinds >= 0]))
    return out


def evaluate(model: Model, path: Path) -> Result:
    """Score a model on a packed set's `val.json`: only classes that people labelled there, only their boxes."""
    samples = packed.read(path)
    people = set(samples[0].people) if samples else set()
    found = detect(model, samples)
    result = Result(confusion=confusion(samples, found), worst=worst(samples, found))
    for name, whole in GROUPS.items():
        group = tuple(c for c in whole if c in people)
        if any(model_has(model, c) for c in group):
            score = score_group(samples, found, group)
            if score.boxes:
                result.scores[name] = score
    return result


def model_has(model: Model, kind: int) -> bool:
    """Whether a model tells a class of ours."""
    return classes.NAMES[kind] in model.classes


def score_group(samples: list[Sample], found: list[Detections], group: tuple[int, ...]) -> Score:
    """Score detections of a group of classes, merged into one."""
    truth: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1}]}
    rows: list[dict[str, Any]] = []
    for i, (sample, d) in enumerate(zip(samples, found, strict=True), 1):
        truth["images"].append({"id": i})
        for x0, y0, x1, y1, ignore in _of_people(sample.labels, group):
            a = {"id": len(truth["annotations"]) + 1, "image_id": i, "category_id": 1, "iscrowd": int(ignore)}
            truth["annotations"].append(a | {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})
        wanted = np.isin(d.classes, group)
        boxes, scores = d.boxes[wanted], d.scores[wanted]
        for k in suppress(boxes, scores, np.zeros(len(boxes), np.int64), 0.7)[:100]:
            x0, y0, x1, y1 = (float(v) for v in boxes[k])
            row = {"image_id": i, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
            rows.append(row | {"score": float(scores[k])})
    return _coco(truth, rows)


def _of_people(labels: Labels, group: tuple[int, ...]) -> set[tuple[float, float, float, float, bool]]:
    kept = np.isin(labels.classes, group) & (labels.scores == 1.0)
    pairs = zip(labels.boxes[kept], labels.ignore[kept], strict=True)
    return {(float(b[0]), float(b[1]), float(b[2]), float(b[3]), bool(ignore)) for b, ignore in pairs}


def _coco(truth: dict[str, Any], rows: list[dict[str, Any]]) -> Score:
    areas = [a["area"] for a in truth["annotations"] if not a["iscrowd"]]
    sizes = np.searchsorted([32**2, 96**2], areas) if areas else np.zeros(0)
    counts = {name: int((sizes == i).sum()) for i, name in enumerate(SIZES)}
    if not areas or not rows:
        return Score(len(areas), 0.0, 0.0, {n: (c, 0.0) for n, c in counts.items()}, [0.0] * 101)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(rows), "bbox")
        run.evaluate()
        run.accumulate()
    precision = run.eval["precision"][..., 0, :, -1]  # overlap, recall, area

    def mean(p: NDArray[np.float64]) -> float:
        return float(p[p > -1].mean()) if (p > -1).any() else 0.0

    by_size = {n: (counts[n], mean(precision[0, :, i + 1])) for i, n in enumerate(SIZES)}
    curve = [round(float(v), 4) for v in precision[0, :, 0].clip(0)]
    return Score(len(areas), mean(precision[0, :, 0]), mean(precision[:, :, 0]), by_size, curve)


def confusion(samples: list[Sample], found: list[Detections], sure: float = 0.3) -> NDArray[np.int64]:
    """Count which class each true box was found as (overlap 0.5, greedily, whatever the class)."""
    none = len(classes.NAMES)
    table = np.zeros((none + 1, none + 1), np.int64)
    for sample, d in zip(samples, found, strict=True):
        la = sample.labels
        boxes, kinds = d.boxes[d.scores >= sure], d.classes[d.scores >= sure]
        iou = overlaps(boxes, la.boxes)
        free = np.ones(len(la.boxes), bool)
        for row, kind in zip(iou, kinds, strict=True):
            best = int((row * free).argmax()) if len(row) else -1
            if best >= 0 and row[best] * free[best] >= 0.5:
                free[best] = False
                if not la.ignore[best]:
                    table[la.classes[best], kind] += 1
            elif not (len(row) and (row[la.ignore] > 0.3).any()):
                table[none, kind] += 1
        for kind in la.classes[free & ~la.ignore]:
            table[kind, none] += 1
    return table


def worst(samples: list[Sample], found: list[Detections], count: int = 12, sure: float = 0.3) -> list[Image]:
    """Draw the pictures with most misses and false boxes, whatever the class."""

    def errors(sample: Sample, d: Detections) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        met = overlaps(sample.labels.boxes, d.boxes[d.scores >= sure]) > 0.5
        return ~sample.labels.ignore & ~np.any(met, axis=1), np.logical_not(np.any(met, axis=0))

    both = [errors(s, d) for s, d in zip(samples, found, strict=True)]
    order = np.argsort([-int(m.sum() + f.sum()) for m, f in both], kind="stable")[:count]
    return [_errors_drawn(samples[i], found[i].boxes[found[i].scores >= sure], *both[i]) for i in order]


def _errors_drawn(
    sample: Sample, boxes: Floats, missed: NDArray[np.bool_], false: NDArray[np.bool_], width: int = 480
) -> Image:
    image, x = as_filmed(sample)
    y = width / image.shape[1]
    tile = np.full((width * 9 // 16, width, 3), 40, np.uint8)
    small = cv2.resize(image, (width, round(image.shape[0] * y)), interpolation=cv2.INTER_AREA)[: len(tile)]
    tile[: len(small)] = small
    kinds = [(sample.labels.boxes[missed], (0, 140, 255)), (boxes[~false], (0, 220, 0)), (boxes[false], (0, 0, 255))]
    for some, color in kinds:
        for b in some * np.array([x, 1, x, 1], np.float32) * y:
            x0, y0, x1, y1 = (int(v) for v in b)
            cv2.rectangle(tile, (x0, y0), (x1, y1), color, 1)
    return tile
