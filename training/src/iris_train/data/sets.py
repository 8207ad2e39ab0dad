"""Labelled sets as they come: YOLO text, COCO JSON or Pascal VOC XML, read into boxes of our classes.

A description (TOML, `[[set]]` tables) says where a set lies, what its classes are called here, and which of our classes
it labels at all: what a set does not label is never a negative.
"""

from __future__ import annotations

import json
import re
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from numpy.typing import NDArray

from iris_train import classes
from iris_train.errors import InputError
from iris_train.tables import tuples

IMAGES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Box:
    """A box in pixels. Those to be ignored are neither right nor wrong when found."""

    x0: float
    y0: float
    x1: float
    y1: float
    name: str
    line: int = 0
    visible: float = 1.0


@dataclass
class Labels:
    """Boxes (N, 4) as x0, y0, x1, y1 in pixels, with class, whether to ignore, and score (1 if by a person)."""

    boxes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    classes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    ignore: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    scores: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    @classmethod
    def of(cls, rows: list[tuple[list[float], int, bool, float]]) -> Labels:
        """Build from rows of box, class, ignore and score."""
        if not rows:
            return cls()
        boxes, kinds, ignore, scores = zip(*rows, strict=True)
        return cls(np.array(boxes, np.float32), np.array(kinds), np.array(ignore), np.array(scores, np.float32))

    def joined(self, other: Labels) -> Labels:
        """Return both."""
        pairs = [(getattr(self, k), getattr(other, k)) for k in ("boxes", "classes", "ignore", "scores")]
        return Labels(*(np.concatenate(p) for p in pairs))


@dataclass(frozen=True)
class Item:
    """An image of a set and its boxes as the set names them."""

    image: Path
    labels: Path | None
    boxes: list[Box]


@dataclass(frozen=True)
class Source:
    """One set of a description."""

    name: str
    format: str
    images: str
    labels: str = ""
    names: tuple[str, ...] = ()
    """Its classes in the order of its label numbers (YOLO)."""
    classes: dict[str, str] = field(default_factory=dict)
    """Its classes to ours."""
    ignore: dict[str, str] = field(default_factory=dict)
    """Its classes that are neither right nor wrong as ours ("vehicle": as any vehicle)."""
    labelled: tuple[str, ...] = ()
    """Those of ours that it labels."""
    add: tuple[str, ...] = ()
    """Those that it labels with gaps, which a teacher may fill."""
    aspect: float = 0.0
    """Width through height as filmed, where its images are stretched; 0 where not."""
    hold_out: float = 0.0
    """The share kept for validation."""
    hold_out_by: str = "stretch"
    """"stretch" (of images in order, for video) or a pattern whose first group names what must stay together."""
    split: str = "train"
    """"train", or "val" if all of it is for validation."""

    def boxes(self, item: Item) -> Labels:
        """Translate an item's boxes to our classes; unknown names are left out."""
        rows: list[tuple[list[float], int, bool, float]] = []
        for b in item.boxes:
            xyxy = [b.x0, b.y0, b.x1, b.y1]
            if b.name in self.classes:
                rows.append((xyxy, classes.index(self.classes[b.name]), b.visible < 0.3, 1.0))
            elif b.name in self.ignore:
                rows.extend((xyxy, c, True, 1.0) for c in classes.expand(self.ignore[b.name]))
        return Labels.of(rows)

    def validates(self, i: int, count: int, image: Path) -> bool:
        """Whether image `i` of `count` is for validation: two stretches of each set, or one group in so many."""
        if self.split == "val" or not self.hold_out:
            return self.split == "val"
        if self.hold_out_by == "stretch":
            half = self.hold_out / 2
            return any(at <= i / count < at + half for at in (0.25, 0.75))
        found = re.search(self.hold_out_by, image.name)
        return zlib.crc32((found[1] if found else image.name).encode()) % 1000 < self.hold_out * 1000


def load(path: Path) -> list[Source]:
    """Read a description."""
    try:
        tables: list[dict[str, Any]] = tomllib.loads(path.read_text())["set"]
    except FileNotFoundError as e:
        raise InputError(path, "is missing") from e
    except (tomllib.TOMLDecodeError, KeyError) as e:
        raise InputError(path, f"is not a description of sets: {e}") from e
    sources = []
    for table in tables:
        try:
            source = Source(**tuples(table))
        except TypeError as e:
            raise InputError(path, f"set {table.get('name', '?')}: {str(e).split('__init__() ')[-1]}") from e
        for name in (*source.classes.values(), *source.labelled, *source.add):
            if name not in classes.NAMES:
                raise InputError(path, f"set {source.name}: {name!r} is none of {', '.join(classes.NAMES)}")
        if source.format not in READERS:
            raise InputError(path, f"set {source.name}: format must be one of {', '.join(READERS)}")
        sources.append(source)
    return sources


def items(source: Source, root: Path) -> list[Item]:
    """Read a set's labels, in the order of its images' names."""
    found = list(READERS[source.format](source, root))
    if not found:
        raise InputError(root / source.images, f"set {source.name}: holds no images ({', '.join(IMAGES)})")
    return found


def picture(path: Path) -> NDArray[np.uint8]:
    """Read an image (H, W, 3), blue first."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError(path, "is not an image that can be read")
    return np.asarray(image, np.uint8)


def _pictures(source: Source, root: Path) -> list[Path]:
    return sorted(p for p in root.glob(f"{source.images}/*" if source.images else "*") if p.suffix.lower() in IMAGES)


def _plain(source: Source, root: Path) -> Iterator[Item]:
    """List images without labels."""
    yield from (Item(p, None, []) for p in _pictures(source, root))


def _yolo(source: Source, root: Path) -> Iterator[Item]:
    """Read a text file an image, a line a box: `class cx cy w h` in fractions, or `class x y x y ...`, a polygon."""
    for path in _pictures(source, root):
        labels = root / source.labels / f"{path.stem}.txt"
        if not labels.is_file():
            raise InputError(labels, f"is missing: the labels of {path.name}")
        height, width = picture(path).shape[:2]
        lines = enumerate(labels.read_text().splitlines(), 1)
        yield Item(path, labels, [_yolo_box(t, labels, n, source, width, height) for n, t in lines if t.strip()])


def _yolo_box(text: str, path: Path, line: int, source: Source, width: int, height: int) -> Box:
    try:
        kind, *v = (float(t) for t in text.split())
        name = source.names[int(kind)]
    except ValueError as e:
        raise InputError(path, f"not a number in {text!r}", line) from e
    except IndexError as e:
        raise InputError(path, f"class {int(kind)}, but set {source.name} has {len(source.names)}", line) from e
    if len(v) == 4:
        v = [v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2]
    elif len(v) < 6 or len(v) % 2:
        raise InputError(path, f"{len(v) + 1} numbers: a box has 5, a polygon an odd number from 7", line)
    x, y = v[0::2], v[1::2]
    return Box(min(x) * width, min(y) * height, max(x) * width, max(y) * height, name, line)


def _coco(source: Source, root: Path) -> Iterator[Item]:
    """Read COCO's JSON; `labels` may be a pattern, `images` is then a folder beside each file that matches."""
    files = sorted(root.glob(source.labels))
    if not files:
        raise InputError(root / source.labels, "is missing")
    for path in files:
        folder = root / source.images if len(files) == 1 and (root / source.images).is_dir() else path.parent
        try:
            raw = json.loads(path.read_text())
            names = {c["id"]: c["name"] for c in raw["categories"]}
            by_image: dict[int, list[Box]] = {i["id"]: [] for i in raw["images"]}
            for a in raw["annotations"]:
                x, y, w, h = a["bbox"]
                box = Box(x, y, x + w, y + h, names[a["category_id"]], a["id"], a.get("visibility", 1.0))
                by_image[a["image_id"]].append(box)
        except json.JSONDecodeError as e:
            raise InputError(path, f"is not JSON: {e.msg}", e.lineno) from e
        except (KeyError, ValueError, TypeError) as e:
            raise InputError(path, f"is not COCO's form: {e!r}") from e
        yield from (Item(folder / i["file_name"], path, by_image[i["id"]]) for i in raw["images"])


def _voc(source: Source, root: Path) -> Iterator[Item]:
    """Read an XML file an image, with `object/name` and `object/bndbox` in pixels from 1."""
    for path in _pictures(source, root):
        labels = root / source.labels / f"{path.stem}.xml"
        try:
            tree = ElementTree.parse(labels)
            yield Item(path, labels, [_voc_box(o) for o in tree.iter("object")])
        except FileNotFoundError as e:
            raise InputError(labels, f"is missing: the labels of {path.name}") from e
        except ElementTree.ParseError as e:
            raise InputError(labels, "is not XML", e.position[0]) from e
        except (ValueError, TypeError) as e:
            raise InputError(labels, f"is not Pascal VOC's form: {e}") from e


def _voc_box(obj: ElementTree.Element) -> Box:
    edges = [obj.findtext(f"bndbox/{k}") for k in ("xmin", "ymin", "xmax", "ymax")]
    name = obj.findtext("name")
    if name is None or None in edges:
        raise ValueError("an object lacks its name or an edge of its bndbox")
    x0, y0, x1, y1 = (float(e) for e in edges if e is not None)
    return Box(x0 - 1, y0 - 1, x1, y1, name)


READERS = {"yolo": _yolo, "coco": _coco, "voc": _voc, "images": _plain}
