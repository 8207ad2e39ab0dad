"""Reading sets, and what is said of broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from conftest import SOURCE, drawing
from iris_train.data import check, frames, label, packed, sets
from iris_train.data.sets import Labels
from iris_train.errors import InputError
from iris_train.evaluate.model import Detections


def test_yolo_boxes_are_those_drawn(drawn: Path) -> None:
    items = sets.items(SOURCE, drawn)
    assert len(items) == 8
    labels = SOURCE.boxes(items[3])
    np.testing.assert_allclose(labels.boxes, [b[1:] for b in drawing(3)[1]], atol=1e-3)
    assert labels.classes.tolist() == [0, 2]


def test_a_polygon_is_its_extent(drawn: Path) -> None:
    (drawn / "labels" / "0.txt").write_text("0 0.5 0.25 0.75 0.5 0.5 0.75")
    box = sets.items(SOURCE, drawn)[0].boxes[0]
    assert (box.x0, box.y0, box.x1, box.y1) == (96, 32, 144, 96)


def broken(what: str, text: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / "labels" / what).write_text(text)

    return write


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (broken("2.txt", "0 0.5 0.5 0.1 0.1\n1 0.5 x 0.1 0.1"), "2.txt:2: not a number in '1 0.5 x 0.1 0.1'"),
        (broken("2.txt", "7 0.5 0.5 0.1 0.1"), "2.txt:1: class 7, but set drawn has 2"),
        (broken("2.txt", "0 0.5 0.5 0.1"), "2.txt:1: 4 numbers: a box has 5"),
        (lambda r: (r / "labels" / "2.txt").unlink(), "2.txt: is missing: the labels of 2.png"),
        (lambda r: (r / "images" / "2.png").write_bytes(b"no"), "2.png: is not an image"),
    ],
)
def test_what_is_broken_is_named(drawn: Path, change: Callable[[Path], None], message: str) -> None:
    change(drawn)
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        sets.items(SOURCE, drawn)
    assert message in check.check(SOURCE, drawn).problems[0]


def test_boxes_outside_and_empty_ones_are_named(drawn: Path) -> None:
    (drawn / "labels" / "1.txt").write_text("0 0.95 0.5 0.3 0.2\n1 0.5 0.5 0 0.1")
    problems = check.check(SOURCE, drawn).problems
    assert "1.txt:1: box of walker (154, 51, 211, 77) stands out of 192x128" in problems[0]
    assert "1.txt:2: box of motor is empty" in problems[1]


def test_near_duplicates_across_splits_are_found(drawn: Path) -> None:
    checked = check.check(SOURCE, drawn)
    assert set(checked.splits.values()) == {"train", "val"}
    assert check.across([checked]) == []
    image = sets.picture(drawn / "images" / "0.png")
    cv2.imwrite(str(drawn / "images" / "3.png"), cv2.convertScaleAbs(image, beta=3))
    splits = check.check(SOURCE, drawn)
    assert splits.splits[drawn / "images" / "0.png"] != splits.splits[drawn / "images" / "3.png"]
    assert len(check.across([splits])) == 1


def test_counts_and_a_sheet(drawn: Path) -> None:
    checked = check.check(SOURCE, drawn)
    assert checked.counts == {("person", "small"): 8, ("car", "medium"): 8}
    check.sheet(checked.tiles, drawn / "sheet.png")
    assert sets.picture(drawn / "sheet.png").shape == (480, 1920, 3)


def test_coco(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), drawing(0)[0])
    annotation = {"id": 1, "image_id": 9, "category_id": 4, "bbox": [1, 2, 30, 40], "visibility": 0.1}
    raw = {
        "images": [{"id": 9, "file_name": "a.png"}],
        "categories": [{"id": 4, "name": "walker"}],
        "annotations": [annotation],
    }
    (tmp_path / "c.json").write_text(json.dumps(raw))
    source = replace(SOURCE, format="coco", images="", labels="c.json")
    labels = source.boxes(sets.items(source, tmp_path)[0])
    assert labels.boxes.tolist() == [[1, 2, 31, 42]]
    assert labels.ignore.tolist() == [True]
    (tmp_path / "c.json").write_text('{\n"images": [}')
    with pytest.raises(InputError, match=r"c.json:2: is not JSON"):
        sets.items(source, tmp_path)


def test_voc(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), drawing(0)[0])
    box = "<bndbox><xmin>1</xmin><ymin>3</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    (tmp_path / "a.xml").write_text(f"<annotation><object><name>motor</name>{box}</object></annotation>")
    source = replace(SOURCE, format="voc", images="", labels="")
    labels = source.boxes(sets.items(source, tmp_path)[0])
    assert (labels.boxes.tolist(), labels.classes.tolist()) == ([[0, 2, 30, 40]], [2])
    (tmp_path / "a.xml").write_text("<annotation>\n<object>\n</annotation>")
    with pytest.raises(InputError, match=r"a.xml:3: is not XML"):
        sets.items(source, tmp_path)


def test_a_description_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    path.write_text('[[set]]\nname = "a"\nformat = "yolo"\nimages = "i"\ncolour = 1')
    with pytest.raises(InputError, match=r"set a: .*'colour'"):
        sets.load(path)
    path.write_text('[[set]]\nname = "a"\nformat = "yolo"\nimages = "i"\nclasses = { x = "dog" }')
    with pytest.raises(InputError, match=r"set a: 'dog' is none of person"):
        sets.load(path)


def test_a_teacher_fills_only_what_people_left_open() -> None:
    box = [10.0, 10.0, 50.0, 90.0]
    people = Labels.of([(box, 0, False, 1.0)])
    boxes = np.array([box, [100, 10, 140, 90], [200, 10, 300, 60], [320, 10, 420, 60]], np.float32)
    found = Detections(boxes, np.array([0.9, 0.6, 0.8, 0.2], np.float32), np.array([0, 0, 2, 2]))
    labels = label.complete(people, found, labelled=(0,), add=())
    # The person that nobody drew is ignored, the sure car is right, the unsure one is ignored.
    assert labels.classes.tolist() == [0, 0, 2, 2]
    assert labels.ignore.tolist() == [False, True, False, True]
    assert labels.scores.tolist() == pytest.approx([1.0, 0.6, 0.8, 0.2])


def test_packing_keeps_labels(packed_set: Path) -> None:
    samples = packed.read(packed_set / "drawn" / "train.json")
    assert len(samples) == 8
    np.testing.assert_allclose(samples[5].labels.boxes, [b[1:] for b in drawing(5)[1]], atol=0.02)
    assert samples[0].labelled == (0, 1, 2, 3, 4, 5)
    with pytest.raises(InputError, match="is missing: `iris-train label` writes it"):
        packed.read(packed_set / "other.json")


def test_frames_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), i * 30, np.uint8))
    writer.release()
    assert frames.extract(path, tmp_path / "out", 3) == 3
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["000001.jpg", "000004.jpg", "000007.jpg"]
