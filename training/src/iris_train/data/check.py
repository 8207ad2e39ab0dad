"""What is in a set, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from iris_train import classes
from iris_train.data import sets
from iris_train.data.sets import Item, Labels, Source
from iris_train.errors import InputError
from iris_train.evaluate.model import Image

OUTSIDE = 0.02
"""The share of a picture's width or height by which a box may stand out."""
SAME = 4
"""Bits of 64 by which near-duplicates' hashes differ at most."""
COLORS = ((0, 200, 0), (255, 128, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255))


@dataclass
class Checked:
    """One set: its counts, its problems, and what is needed to compare it with others."""

    name: str
    images: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Boxes by class and size (COCO's small, medium, large)."""
    problems: list[str] = field(default_factory=list)
    hashes: dict[Path, int] = field(default_factory=dict)
    splits: dict[Path, str] = field(default_factory=dict)
    tiles: list[Image] = field(default_factory=list)


def check(source: Source, root: Path, tiles: int = 24) -> Checked:
    """Read a set whole; what makes it unreadable is the one problem reported then."""
    done = Checked(source.name)
    try:
        items = sets.items(source, root)
    except InputError as e:
        done.problems.append(str(e))
        return done
    every = max(1, len(items) // tiles)
    for i, item in enumerate(items):
        try:
            image = sets.picture(item.image)
        except InputError as e:
            done.problems.append(str(e))
            continue
        labels = source.boxes(item)
        done.images += 1
        done.counts.update(_kinds(labels))
        done.problems += outside(item, image)
        done.hashes[item.image] = fingerprint(image)
        done.splits[item.image] = "val" if source.validates(i, len(items), item.image) else "train"
        if i % every == 0:
            done.tiles.append(drawn(image, labels))
    return done


def _kinds(labels: Labels) -> list[tuple[str, str]]:
    areas = (labels.boxes[:, 2:] - labels.boxes[:, :2]).prod(1)
    sizes = np.searchsorted([32**2, 96**2], areas)
    names = [
        f"{classes.NAMES[c]} (ignored)" if g else classes.NAMES[c]
        for c, g in zip(labels.classes, labels.ignore, strict=True)
    ]
    return [(n, ("small", "medium", "large")[s]) for n, s in zip(names, sizes, strict=True)]


def outside(item: Item, image: Image) -> list[str]:
    """Return a problem for each box that is empty or stands out of the picture."""
    height, width = image.shape[:2]
    problems = []
    for b in item.boxes:
        at = InputError(item.labels or item.image, "", b.line or None)
        where = str(at).removesuffix(": ")
        if b.x1 <= b.x0 or b.y1 <= b.y0:
            problems.append(f"{where}: box of {b.name} is empty")
        elif min(b.x0 / width, b.y0 / height, 1 - b.x1 / width, 1 - b.y1 / height) < -OUTSIDE:
            edges = f"{b.x0:.0f}, {b.y0:.0f}, {b.x1:.0f}, {b.y1:.0f}"
            problems.append(f"{where}: box of {b.name} ({edges}) stands out of {width}x{height}")
    return problems


def fingerprint(image: Image) -> int:
    """Return 64 bits that alike pictures share: the signs of differences of a 9x8 thumbnail."""
    small = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (9, 8), interpolation=cv2.INTER_AREA).astype(int)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return int("".join("1" if b else "0" for b in bits), 2)


def across(checked: list[Checked]) -> list[str]:
    """Return a line for each picture for validation that has a near-duplicate among those for training."""
    known = [(p, h, c.splits[p]) for c in checked for p, h in c.hashes.items()]
    train = [(p, h) for p, h, split in known if split == "train"]
    if not train:
        return []
    codes: NDArray[np.uint64] = np.array([h for _, h in train], np.uint64)
    found = []
    for path, code, split in known:
        if split == "val":
            differ = np.bitwise_count(codes ^ np.uint64(code))
            if differ.min() <= SAME:
                found.append(f"{path}: for validation, is nearly {train[int(differ.argmin())][0]}, for training")
    return found


def drawn(image: Image, labels: Labels) -> Image:
    """Return a tile of 320x240 with boxes in their class's colour, thin where ignored."""
    x, y = 320 / image.shape[1], 240 / image.shape[0]
    tile = np.asarray(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA), np.uint8)
    for box, kind, ignore in zip(labels.boxes, labels.classes, labels.ignore, strict=True):
        x0, y0, x1, y1 = (box * (x, y, x, y)).astype(int).tolist()
        cv2.rectangle(tile, (x0, y0), (x1, y1), COLORS[kind], 1 if ignore else 2)
    return tile


def sheet(tiles: list[Image], path: Path, columns: int = 6) -> None:
    """Write tiles as one picture."""
    blank = np.full_like(tiles[0], 40)
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    cv2.imwrite(str(path), np.vstack([np.hstack(r + [blank] * (columns - len(r))) for r in rows]))


def report(done: Checked) -> str:
    """Return a set's counts as lines of text."""
    lines = [f"{done.name}: {done.images} images, {sum(done.counts.values())} boxes"]
    for name in sorted({n for n, _ in done.counts}):
        sizes = ", ".join(f"{s} {done.counts[name, s]}" for s in ("small", "medium", "large"))
        lines.append(f"  {name}: {sizes}")
    return "\n".join(lines)
