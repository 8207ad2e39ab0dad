"""Task-aligned assignment and losses (TOOD, arXiv:2108.07755), on flat lists: few boxes, few cells of each matter."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from iris_train.data.views import Batch
from iris_train.models.detector import boxes

TOP = 9
"""Cells that a box may have."""


def detection(logits: Tensor, sides: Tensor, batch: Batch, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the class and the box loss of (B, N, C) logits and (B, N, 4) raw sides; `grid` is (N, 3), see `cells`."""
    logits = logits.float()
    wanted = ~batch.ignore
    owner, truth, kind = batch.owner[wanted], batch.boxes[wanted], batch.classes[wanted]
    box, cell = candidates(truth, grid)
    image = owner[box]
    found = boxes(sides[image, cell], grid[cell])
    with torch.no_grad():
        kept, target = assign(logits[image, cell, kind[box]].sigmoid(), found, truth, box, image * len(grid) + cell)
    box, cell, image, found = box[kept], cell[kept], image[kept], found[kept]
    sure = batch.scores[wanted][box]

    weight = _counted(batch, grid).to(logits.dtype)
    goal = torch.zeros_like(logits)
    place = (image, cell, kind[box])
    goal[place] = target
    weight[place] = 2.0 * sure
    # Quality focal loss (arXiv:2006.04388, section 3.2).
    weight = weight * (goal - logits.detach().sigmoid()).abs() ** 1.5
    total = target.sum().clamp(min=1.0)
    class_loss = (F.binary_cross_entropy_with_logits(logits, goal, reduction="none") * weight).sum() / total
    box_loss = ((1 - giou(found, truth[box])) * target * sure).sum() / total
    return class_loss, 2.5 * box_loss


def candidates(truth: Tensor, grid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pairs of box and cell whose centre is in the box, or near its centre where the box is tiny."""
    centre, half = (truth[:, :2] + truth[:, 2:]) / 2, (truth[:, 2:] - truth[:, :2]) / 2
    near = torch.maximum(half[:, None], 0.75 * grid[None, :, 2:])
    pairs = ((grid[None, :, :2] - centre[:, None]).abs() < near).all(2).nonzero()
    return pairs[:, 0], pairs[:, 1]


def assign(p: Tensor, found: Tensor, truth: Tensor, box: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Choose among candidate pairs (section 3.2): which are kept, and the score that each of these should have.

    `p` (K) are scores for the box's class, `found` (K, 4) what the cells predict, `truth` (M, 4), `box` (K) the pairs'
    boxes and `place` (K) their cells, counted through the batch.
    """
    iou = overlap(found, truth[box]).clamp(min=0)
    align = p.sqrt() * iou**6
    order = align.argsort(descending=True)
    order = order[box[order].argsort(stable=True)]
    counts = torch.bincount(box, minlength=len(truth))
    rank = torch.arange(len(box), device=box.device) - (counts.cumsum(0) - counts)[box[order]]
    kept = order[rank < TOP]
    # A cell that two boxes want goes to the one it overlaps more.
    best = torch.zeros(int(place.max()) + 1 if len(place) else 1, device=p.device)
    best.scatter_reduce_(0, place[kept], iou[kept], "amax")
    kept = kept[iou[kept] >= best[place[kept]]]
    most = align.new_zeros(2, len(truth))
    most[0].scatter_reduce_(0, box[kept], align[kept], "amax")
    most[1].scatter_reduce_(0, box[kept], iou[kept], "amax")
    return kept, align[kept] / (most[0][box[kept]] + 1e-12) * most[1][box[kept]]


def _counted(batch: Batch, grid: Tensor) -> Tensor:
    """Return (B, N, C): whether a score counts, for its class is labelled and its cell in no box to be ignored."""
    counted = batch.labelled[:, None, :].repeat(1, len(grid), 1)
    owner, box, kind = batch.owner[batch.ignore], batch.boxes[batch.ignore], batch.classes[batch.ignore]
    inside = ((grid[None, :, :2] >= box[:, None, :2]) & (grid[None, :, :2] <= box[:, None, 2:])).all(2).nonzero()
    counted[owner[inside[:, 0]], inside[:, 1], kind[inside[:, 0]]] = False
    return counted


def overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of pairs of boxes (K, 4): (K)."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    return shared / union.clamp(min=1e-6)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised intersection over union (arXiv:1902.09630) of pairs of boxes (K, 4): (K)."""
    shared = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0).prod(1)
    union = (a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - shared
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(1).clamp(min=1e-6)
    return shared / union.clamp(min=1e-6) - (hull - union) / hull
