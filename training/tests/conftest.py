"""Small sets of pictures that the tests draw themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from iris_train.data import label, sets
from iris_train.evaluate.model import Image
from iris_train.train.config import Run, parse

torch.set_num_threads(1)

Drawing = tuple[Image, list[tuple[int, float, float, float, float]]]


def drawing(i: int) -> Drawing:
    """A picture of 192x128 with an upright red block (0, a person) and a flat blue one (1, a car), and their boxes."""
    rng = np.random.default_rng(i)
    image = rng.integers(90, 140, (128, 192, 3), dtype=np.uint8)
    boxes = []
    for kind, (w, h), color in ((0, (20, 48), (30, 30, 220)), (1, (56, 28), (220, 60, 30))):
        x, y = int(rng.integers(0, 96 - w) + 96 * kind), int(rng.integers(0, 128 - h))
        cv2.rectangle(image, (x, y), (x + w, y + h), color, -1)
        boxes.append((kind, float(x), float(y), float(x + w), float(y + h)))
    return image, boxes


SOURCE = sets.Source(
    name="drawn",
    format="yolo",
    images="images",
    labels="labels",
    names=("walker", "motor"),
    classes={"walker": "person", "motor": "car"},
    labelled=("person", "bicycle", "car", "motorcycle", "bus", "truck"),
    hold_out=0.5,
)


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """Return the root of a YOLO set of eight drawings."""
    for sub in ("images", "labels"):
        (tmp_path / sub).mkdir()
    for i in range(8):
        image, boxes = drawing(i)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), image)
        lines = [
            f"{k} {(x0 + x1) / 384} {(y0 + y1) / 256} {(x1 - x0) / 192} {(y1 - y0) / 128}"
            for k, x0, y0, x1, y1 in boxes
        ]
        (tmp_path / "labels" / f"{i}.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture(scope="session")
def packed_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one packed set, `drawn`, whose pictures for training and validation are the same."""
    root = tmp_path_factory.mktemp("root")
    out = tmp_path_factory.mktemp("packed")
    for sub in ("images", "labels"):
        (root / sub).mkdir()
    for i in range(8):
        image, boxes = drawing(i)
        cv2.imwrite(str(root / "images" / f"{i}.png"), image)
        text = [f"{k} {(a + c) / 384} {(b + d) / 256} {(c - a) / 192} {(d - b) / 128}" for k, a, b, c, d in boxes]
        (root / "labels" / f"{i}.txt").write_text("\n".join(text))
    from dataclasses import replace

    label.pack(replace(SOURCE, hold_out=0.0), root, out, None)
    (out / "drawn" / "val.json").write_text((out / "drawn" / "train.json").read_text())
    return out


RunOf = Callable[..., Run]


@pytest.fixture(scope="session")
def small_run() -> RunOf:
    """Return a maker of short runs of a tiny network on plain views."""

    def make(**changes: object) -> Run:
        augment = dict.fromkeys(
            ("mosaic", "grey", "blur", "noise", "compression", "night", "infrared", "rain", "occlusion", "aspect"), 0.0
        )
        raw = {
            "network": {"stem": (8, 16), "widths": (24, 32, 48), "depths": (1, 1, 1), "neck": (24, 32, 32)},
            "shares": {"drawn": 1.0},
            "phases": [{"until": 1.0, "size": (192, 128)}],
            "augment": augment | {"smallest": 0.9, "largest": 1.1},
            "batch": 8,
            "steps": 150,
            "warm_up": 10,
            "ema": 0.9,
            "rate": 4e-3,
            "workers": 0,
            "threads": 1,
        }
        return parse(raw | changes)

    return make
