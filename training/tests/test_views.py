"""Views, their boxes and their look."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conftest import drawing
from iris_train.data import augment, packed
from iris_train.data.augment import Augment
from iris_train.data.sets import Labels
from iris_train.data.views import Views, clipped, collate


def views(packed_set: Path, a: Augment) -> Views:
    return Views([packed.read(packed_set / "drawn" / "train.json")], [1.0], (192, 128), a, 3)


def test_a_view_is_the_same_each_time(packed_set: Path) -> None:
    a, b = (views(packed_set, Augment(mosaic=0.5, mixup=0.5))[7] for _ in range(2))
    assert np.array_equal(a[0], b[0])
    assert np.array_equal(a[1].boxes, b[1].boxes)


@pytest.mark.parametrize("mosaic", [0.0, 1.0])
def test_boxes_stay_on_what_they_mark(packed_set: Path, mosaic: float) -> None:
    plain = Augment(
        mosaic, hsv=(0, 0, 0), grey=0, blur=0, noise=0, compression=0, night=0, infrared=0, rain=0, occlusion=0
    )
    seen = 0
    made = views(packed_set, plain)
    for i in range(20):
        image, labels, _ = made[i]
        for box, kind in zip(labels.boxes[~labels.ignore], labels.classes[~labels.ignore], strict=True):
            x0, y0, x1, y1 = (int(v) for v in box)
            blue, _, red = image[y0:y1, x0:x1].reshape(-1, 3).mean(0)
            assert (red > blue + 60) if kind == 0 else (blue > red + 60)
            seen += 1
    assert seen > 20


def test_little_visible_boxes_are_ignored() -> None:
    labels = Labels.of([([-90.0, 0.0, 10.0, 50.0], 0, False, 1.0), ([-20.0, 0.0, 30.0, 50.0], 0, False, 1.0)])
    assert clipped(labels, 100, 100).ignore.tolist() == [True, False]


@pytest.mark.parametrize("change", ["grey", "occlusion", "rain", "night", "infrared", "blur", "noise", "compression"])
def test_looks_keep_the_shape_and_change_the_picture(change: str) -> None:
    image = drawing(0)[0]
    out = getattr(augment, change)(image, np.random.default_rng(1))
    assert (out.shape, out.dtype) == (image.shape, np.uint8)
    assert not np.array_equal(out, image)


def test_a_batch(packed_set: Path) -> None:
    made = views(packed_set, Augment())
    batch = collate([made[i] for i in range(3)])
    assert batch.images.shape == (3, 3, 128, 192)
    assert float(batch.images.max()) <= 1.0
    assert batch.owner.max() < 3
    assert batch.labelled.all()
