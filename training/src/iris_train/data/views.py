"""Training views: pictures scaled, cropped, mixed and changed, with boxes. View `i` of a seed is always the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from iris_train import classes
from iris_train.data import packed, sets
from iris_train.data.augment import Augment, look
from iris_train.data.packed import Sample
from iris_train.data.sets import Labels
from iris_train.evaluate.model import Image

SMALLEST = 6.0
"""Pixels of a box's longer side below which it is ignored."""
VISIBLE = 0.25
"""The share of a box inside the view below which it is ignored."""


@dataclass
class Batch:
    """Images and the boxes of all of them in one list."""

    images: Tensor
    """(B, 3, H, W), red first, 0..1."""
    owner: Tensor
    """(M): the image of each box."""
    boxes: Tensor
    """(M, 4): x0, y0, x1, y1 in pixels."""
    classes: Tensor
    """(M)."""
    ignore: Tensor
    """(M): whether the box is neither right nor wrong."""
    scores: Tensor
    """(M): how sure the labels are."""
    labelled: Tensor
    """(B, C): whether a class's absence means something."""

    def to(self, device: torch.device) -> Batch:
        """Move to a device."""
        return Batch(*(getattr(self, k).to(device) for k in self.__dataclass_fields__))


View = tuple[Image, Labels, frozenset[int]]


class Views(Dataset[View]):
    """Views of `size` (width, height) from sets that are drawn from by their shares."""

    def __init__(
        self, pools: list[list[Sample]], shares: list[float], size: tuple[int, int], augment: Augment, seed: int
    ):
        self.pools, self.size, self.augment, self.seed = pools, size, augment, seed
        self.pictures: dict[Path, Image] = {}
        """Kept once decoded: about a megabyte each, in each worker."""
        self.shares = np.array(shares) / sum(shares)

    def __getitem__(self, i: int) -> View:
        """Make view `i`."""
        rng = np.random.default_rng((self.seed, i))
        image, labels, labelled = self._one_or_mosaic(rng)
        if rng.random() < self.augment.mixup:
            other, more, also = self._one_or_mosaic(rng)
            image = np.asarray(cv2.addWeighted(image, 0.5, other, 0.5, 0), np.uint8)
            labels, labelled = labels.joined(more), labelled & also
        return look(image, self.augment, rng), labels, labelled

    def _one_or_mosaic(self, rng: Generator) -> View:
        if rng.random() >= self.augment.mosaic:
            return self._one(rng, self.size, self.augment.smallest)
        return self._mosaic(rng)

    def _mosaic(self, rng: Generator) -> View:
        """Put two pictures beside or four around a random point (YOLOv4, arXiv:2004.10934, section 3.3)."""
        width, height = self.size
        x = int(width * rng.uniform(0.35, 0.65))
        y = int(height * rng.uniform(0.35, 0.65)) if rng.random() < 0.5 else height
        canvas, labels = np.empty((height, width, 3), np.uint8), Labels()
        labelled = frozenset(range(len(classes.NAMES)))
        for x0, x1 in ((0, x), (x, width)):
            for y0, y1 in ((0, y), (y, height)):
                if y0 == y1:
                    continue
                # Tiles are covered: a picture that merely fits leaves a narrow tile mostly grey.
                tile, own, known = self._one(rng, (x1 - x0, y1 - y0), 0.0)
                canvas[y0:y1, x0:x1] = tile
                labels = labels.joined(packed.scaled(own, 1, 1, x0, y0))
                labelled &= known
        return canvas, labels, labelled

    def _one(self, rng: Generator, size: tuple[int, int], smallest: float) -> View:
        pool = self.pools[rng.choice(len(self.pools), p=self.shares)]
        sample = pool[rng.integers(len(pool))]
        if sample.image not in self.pictures:
            self.pictures[sample.image] = sets.picture(sample.image)
        view, labels = crop(self.pictures[sample.image], sample, size, self.augment, smallest, rng)
        if rng.random() < self.augment.flip:
            view = np.ascontiguousarray(view[:, ::-1])
            labels.boxes = labels.boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], np.float32)
            labels.boxes[:, [0, 2]] += size[0]
        return view, labels, frozenset(sample.labelled)


def crop(
    image: Image, sample: Sample, size: tuple[int, int], a: Augment, smallest: float, rng: Generator
) -> tuple[Image, Labels]:
    """Scale a picture by chance and lay it into a view of `size`; at `smallest` 0 it always covers the view."""
    (height, width), (w, h) = image.shape[:2], size
    # As filmed, mostly: stretched pictures are also seen as they are, for objects of other proportions.
    stretch = sample.aspect / (width / height) if sample.aspect and rng.random() < 0.6 else 1.0
    stretch *= np.exp(rng.uniform(-a.aspect, a.aspect))
    fit, cover = sorted((w / (width * stretch), h / height))
    scale = np.exp(rng.uniform(np.log(fit * smallest if smallest else cover), np.log(cover * a.largest)))
    sx, sy = scale * stretch, scale
    dx, dy = (rng.uniform(min(0, free), max(0, free)) for free in (w - width * sx, h - height * sy))
    # The visible part alone is resized.
    x0, y0 = max(0, int(-dx / sx)), max(0, int(-dy / sy))
    x1, y1 = min(width, int(np.ceil((w - dx) / sx))), min(height, int(np.ceil((h - dy) / sy)))
    px, py = max(0, round(x0 * sx + dx)), max(0, round(y0 * sy + dy))
    pw, ph = min(w, round(x1 * sx + dx)) - px, min(h, round(y1 * sy + dy)) - py
    view = np.full((h, w, 3), 114, np.uint8)
    how = cv2.INTER_AREA if scale < 0.8 else cv2.INTER_LINEAR
    view[py : py + ph, px : px + pw] = cv2.resize(image[y0:y1, x0:x1], (pw, ph), interpolation=how)
    return view, clipped(packed.scaled(sample.labels, sx, sy, dx, dy), w, h)


def clipped(labels: Labels, width: int, height: int) -> Labels:
    """Cut boxes at the view's edge; drop those outside, ignore those too small or too little visible."""
    if not len(labels.boxes):
        return labels
    boxes = labels.boxes.clip(0, np.array([width, height, width, height], np.float32))
    sides = boxes[:, 2:] - boxes[:, :2]
    seen = sides.prod(1) / np.maximum((labels.boxes[:, 2:] - labels.boxes[:, :2]).prod(1), 1e-6)
    ignore = labels.ignore | (sides.max(1) < SMALLEST) | (seen < VISIBLE)
    inside = (sides > 1).all(1)
    return Labels(boxes[inside], labels.classes[inside], ignore[inside], labels.scores[inside])


def collate(views: list[View]) -> Batch:
    """Join views into a batch."""
    images = np.stack([v[0] for v in views])[..., ::-1]
    labels = [v[1] for v in views]
    known = torch.zeros(len(views), len(classes.NAMES), dtype=torch.bool)
    for row, view in zip(known, views, strict=True):
        row[list(view[2])] = True
    owner = np.repeat(np.arange(len(views)), [len(x.boxes) for x in labels])
    tensor = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).float() / 255

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(x, name) for x in labels]))

    boxes, kinds, ignore, scores = (joined(k) for k in ("boxes", "classes", "ignore", "scores"))
    return Batch(tensor, torch.from_numpy(owner), boxes, kinds, ignore, scores, known)


class From(Sampler[int]):
    """The places from `start` on, without end."""

    def __init__(self, start: int):
        self.start = start

    def __iter__(self) -> Iterator[int]:
        """Count."""
        i = self.start
        while True:
            yield i
            i += 1
