"""Packed sets: images shrunk to what training needs, labels in COCO's JSON with all that training must know.

A folder a set: `images/`, `train.json`, `val.json`. Beside COCO's own, `iscrowd` marks what is ignored, `score` is a
teacher's (1 for a person's), and `info` names the classes that are `labelled`, those of them by `people`, and the true
`aspect` of stretched images.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from iris_train import classes
from iris_train.data.sets import Labels
from iris_train.errors import InputError


@dataclass
class Sample:
    """An image of a packed set."""

    image: Path
    labels: Labels
    labelled: tuple[int, ...]
    """Our classes whose absence means something."""
    aspect: float
    size: tuple[int, int]
    """Width and height in pixels."""
    people: tuple[int, ...] = ()
    """Our classes that people labelled, for scoring."""


def read(path: Path) -> list[Sample]:
    """Read `train.json` or `val.json` of a packed set."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text())
        labelled = tuple(classes.index(n) for n in raw["info"]["labelled"])
        people = tuple(classes.index(n) for n in raw["info"]["people"])
        rows: dict[int, list[tuple[list[float], int, bool, float]]] = {i["id"]: [] for i in raw["images"]}
        for a in raw["annotations"]:
            x, y, w, h = a["bbox"]
            rows[a["image_id"]].append(([x, y, x + w, y + h], a["category_id"] - 1, bool(a["iscrowd"]), a["score"]))
        return [
            Sample(
                path.parent / "images" / i["file_name"],
                Labels.of(rows[i["id"]]),
                labelled,
                raw["info"]["aspect"],
                (i["width"], i["height"]),
                people,
            )
            for i in raw["images"]
        ]
    except FileNotFoundError as e:
        raise InputError(path, "is missing: `iris-train label` writes it") from e
    except (json.JSONDecodeError, KeyError, ValueError) as e:
        raise InputError(path, f"is not a packed set: {e!r}") from e


def write(path: Path, samples: list[Sample]) -> None:
    """Write `train.json` or `val.json` of a packed set."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for i, s in enumerate(samples, 1):
        images.append({"id": i, "file_name": s.image.name, "width": s.size[0], "height": s.size[1]})
        la = s.labels
        for box, kind, ignore, score in zip(la.boxes, la.classes, la.ignore, la.scores, strict=True):
            x0, y0, x1, y1 = (round(float(v), 2) for v in box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": int(kind) + 1,
                    "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
                    "area": round((x1 - x0) * (y1 - y0), 2),
                    "iscrowd": int(ignore),
                    "score": round(float(score), 3),
                }
            )
    first = samples[0] if samples else Sample(path, Labels(), (), 0.0, (0, 0))
    labelled, people = ([classes.NAMES[c] for c in group] for group in (first.labelled, first.people))
    info = {"labelled": labelled, "people": people, "aspect": first.aspect}
    categories = [{"id": i, "name": n} for i, n in enumerate(classes.NAMES, 1)]
    path.write_text(json.dumps({"info": info, "categories": categories, "images": images, "annotations": annotations}))


def scaled(labels: Labels, x: float, y: float, dx: float = 0.0, dy: float = 0.0) -> Labels:
    """Return labels with their boxes scaled and then moved."""
    boxes = labels.boxes * np.array([x, y, x, y], np.float32) + np.array([dx, dy, dx, dy], np.float32)
    return Labels(boxes, labels.classes, labels.ignore, labels.scores)
