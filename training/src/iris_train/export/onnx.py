"""From a checkpoint to a model folder: `model.onnx`, `model.toml` and tensors by which a reader proves itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch

from iris_train import classes
from iris_train.evaluate.model import Image, Model
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
    """Write a detector as ONNX: `images` (batch, 3, rows, columns) to `output` (batch, 4 + classes, cells)."""
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
        'type = "u8"' if _takes_bytes(folder / "model.onnx") else "scale = 0.003921569",
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


def _takes_bytes(path: Path) -> bool:
    kind: int = onnx.load(path).graph.input[0].type.tensor_type.elem_type
    return kind == onnx.TensorProto.UINT8


def parity(folder: Path, picture: Image, size: tuple[int, int], count: int = 20) -> None:
    """Write `parity.png`, a picture (H, W, 3) at the input's size, and `parity.toml`, what the model makes of it.

    `input` holds the mean of each channel of the tensor, `columns` the output's values (centre, size, scores) at the
    `cells` of the highest scores, and `detections` the boxes in pixels of the picture with at least 0.1.
    """
    image = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    cv2.imwrite(str(folder / "parity.png"), image)
    model = Model(folder)
    tensor, _, _ = model.prepare(image)
    raw = model.run(tensor)[0][0]
    cells = sorted(np.argsort(-raw[4:].max(0))[:count].tolist())
    means = [round(float(v), 6) for v in tensor.mean((0, 2, 3))]
    columns = [f"    {[round(float(v), 4) for v in raw[:, i]]}," for i in cells]
    lines = [f"input = {means}", f"cells = {cells}", "columns = [", *columns, "]"]
    found = model(image, 0.1)
    for kind, score, box in zip(found.classes, found.scores, found.boxes, strict=True):
        edges = [round(float(v), 2) for v in box]
        lines += ["", "[[detections]]", f'class = "{model.classes[kind]}"', f"score = {score:.4f}", f"box = {edges}"]
    (folder / "parity.toml").write_text("\n".join(lines) + "\n")


def agreement(detector: Detector, folder: Path, size: tuple[int, int]) -> float:
    """Return the largest difference between PyTorch's and ONNX Runtime's scores on a picture of noise."""
    model = Model(folder)
    tensor = model.prepare(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))[0]
    whole = 255 if tensor.dtype == np.uint8 else 1
    with torch.no_grad():
        mine = Exported(detector, size[1], size[0]).eval()(torch.from_numpy(tensor).float() / whole).numpy()
    return float(np.abs(mine[:, 4:] - model.run(tensor)[0][:, 4:]).max())
