"""From a checkpoint to a model folder: `model.onnx`, `model.toml` and tensors by which a reader proves itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from iris_train import classes
from iris_train.evaluate.model import Floats, Image, Model
from iris_train.models.detector import Detector, Exported

OPSET = 17


@dataclass(frozen=True)
class Card:
    """What a manifest says for people."""

    name: str
    precision: str
    data: str
    licence: str


def graph(detector: Detector, size: tuple[int, int], path: Path) -> None:
    """Write a detector as ONNX: input `images` (batch, 3, rows, columns), output `output` (batch, 4 + classes, cells)."""
    width, height = size
    detector.fuse()
    module = Exported(detector, height, width).eval()
    torch.onnx.export(
        module,
        (torch.zeros(2, 3, height, width),),
        str(path),
        input_names=["images"],
        output_names=["output"],
        dynamic_axes={"images": {0: "batch"}, "output": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )


def manifest(folder: Path, size: tuple[int, int], card: Card, accuracy: dict[str, float] | None = None) -> None:
    """Write `model.toml` beside `model.onnx`, in the server's form (docs/guide/models.md)."""
    digest = hashlib.sha256((folder / "model.onnx").read_bytes()).hexdigest()
    lines = [
        f"name = {json.dumps(card.name)}",
        'task = "detect"',
        f"classes = {json.dumps(list(classes.NAMES))}",
        f"precision = {json.dumps(card.precision)}",
        f"data = {json.dumps(card.data)}",
        f"licence = {json.dumps(card.licence)}",
        f'sha256 = "{digest}"',
        "",
        "[input]",
        'name = "images"',
        f"width = {size[0]}",
        f"height = {size[1]}",
        'color = "rgb"',
        "scale = 0.003921569",
        'anchor = "center"',
        "",
        "[output]",
        'decoder = "yolo"',
        'style = "v8"',
        "",
        "[thresholds]",
        "score = 0.3",
        "iou = 0.5",
    ]
    if accuracy:
        lines += ["", "[accuracy]", *(f"{name} = {value:.4f}" for name, value in accuracy.items())]
    (folder / "model.toml").write_text("\n".join(lines) + "\n")


def parity(folder: Path, image: Image, count: int = 20) -> None:
    """Write `parity.json`: a small picture's pixels, and the strongest boxes that the model finds in it.

    The picture is given at a size that the letterbox need not change, so that the pixels can be checked exactly and the
    boxes to the rounding of another processor.
    """
    model = Model(folder)
    tensor, _, _ = model.prepare(image)
    found = model(image)
    raw = model.run(tensor)[0][0]
    strongest = np.argsort(-raw[4:].max(0))[:count]
    rows = [[round(float(v), 5) for v in raw[:, i]] for i in sorted(strongest)]
    state = {
        "input": {"mean": tensor.mean((0, 2, 3)).tolist(), "shape": list(tensor.shape)},
        "raw": {"cells": sorted(strongest.tolist()), "columns": rows},
        "detections": [
            {"class": model.classes[c], "score": round(float(s), 4), "box": [round(float(v), 2) for v in b]}
            for b, s, c in zip(found.boxes[:count], found.scores, found.classes, strict=False)
        ],
    }
    (folder / "parity.json").write_text(json.dumps(state, indent=1) + "\n")


def probe(size: tuple[int, int]) -> Image:
    """Return the picture (H, W, 3) that parity is measured on: computed, the same in any language, without decoding.

    Byte `(x, y, channel)` is `(3 x + 5 y + 7 channel + (x // 32) * (y // 32) * 29) mod 256`.
    """
    y, x, c = np.mgrid[: size[1], : size[0], :3]
    return np.asarray((3 * x + 5 * y + 7 * c + (x // 32) * (y // 32) * 29) % 256, np.uint8)


def agreement(detector: Detector, folder: Path, size: tuple[int, int]) -> float:
    """Return the largest difference between PyTorch's and ONNX Runtime's scores on the probe."""
    model = Model(folder)
    tensor: Floats = model.prepare(probe(size))[0]
    with torch.no_grad():
        mine = Exported(detector, size[1], size[0]).eval()(torch.from_numpy(tensor)).numpy()
    return float(np.abs(mine[:, 4:] - model.run(tensor)[0][:, 4:]).max())
