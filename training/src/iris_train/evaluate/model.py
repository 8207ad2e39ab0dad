"""Any ONNX model in the form of the server's manifest: what it takes, what it returns, boxes in image pixels.

The same letterbox, decoders and suppression as the server's (crates/iris-infer), so that figures carry over.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from iris_train.errors import InputError

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]
# A model's input: floats, or bytes if its manifest says so.
Tensor = NDArray[Any]


@dataclass
class Detections:
    """Boxes (N, 4) as x0, y0, x1, y1 in image pixels, scores (N) and classes (N)."""

    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]


class Model:
    """An ONNX model with its manifest, on the CPU."""

    def __init__(self, folder: Path, threads: int = 1):
        path, onnx_path = folder / "model.toml", folder / "model.onnx"
        for needed in (path, onnx_path):
            if not needed.is_file():
                raise InputError(needed, "is missing: a model is a folder with model.toml and model.onnx")
        try:
            manifest = tomllib.loads(path.read_text())
            self.name: str = manifest["name"]
            self.classes: list[str] = manifest["classes"]
            self.input: dict[str, Any] = manifest["input"]
            self.output: dict[str, Any] = manifest["output"]
            self.size = (int(self.input["width"]), int(self.input["height"]))
            self.iou = float(manifest.get("thresholds", {}).get("iou", 0.45))
        except (tomllib.TOMLDecodeError, KeyError) as e:
            raise InputError(path, f"is not a manifest: {e}") from e
        if self.output.get("decoder") not in DECODERS:
            raise InputError(path, f"decoder must be one of {', '.join(DECODERS)} to be evaluated")
        self.session = session(onnx_path, threads)
        self.decode = DECODERS[self.output["decoder"]]

    def prepare(self, image: Image) -> tuple[Tensor, float, tuple[int, int]]:
        """Letterbox an image (H, W, 3), blue first: the tensor (1, 3, h, w), the scale and the offset in pixels."""
        (width, height), (rows, columns) = self.size, image.shape[:2]
        scale = min(width / columns, height / rows)
        w, h = round(columns * scale), round(rows * scale)
        centred = self.input.get("anchor", "top-left") == "center"
        dx, dy = ((width - w) // 2, (height - h) // 2) if centred else (0, 0)
        canvas = np.full((height, width, 3), self.input.get("pad", 114), np.uint8)
        small = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        canvas[dy : dy + h, dx : dx + w] = small
        if self.input["color"] == "rgb":
            canvas = canvas[:, :, ::-1]
        if self.input.get("type") == "u8":
            return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None]), scale, (dx, dy)
        mean, std = (np.array(self.input.get(k, d), np.float32) for k, d in (("mean", [0.0] * 3), ("std", [1.0] * 3)))
        tensor = (canvas.astype(np.float32) * np.float32(self.input.get("scale", 1.0)) - mean) / std
        return np.ascontiguousarray(tensor.transpose(2, 0, 1)[None]), scale, (dx, dy)

    def run(self, tensor: Tensor) -> list[Floats]:
        """Return the outputs for a batch."""
        outputs: list[Floats] = self.session.run(None, {self.session.get_inputs()[0].name: tensor})
        return outputs

    def __call__(self, image: Image, floor: float = 0.01, limit: int = 300) -> Detections:
        """Find what scores at least `floor`: at most `limit` boxes, the strongest first."""
        tensor, scale, offset = self.prepare(image)
        boxes, scores = self.decode(self.run(tensor)[0][0], self)
        classes = scores.argmax(1)
        best = scores.max(1)
        sure = best >= floor
        kept = suppress(boxes[sure], best[sure], classes[sure], self.iou)[:limit]
        boxes = (boxes[sure][kept] - np.array(offset * 2, np.float32)) / np.float32(scale)
        boxes = boxes.clip(0, np.array([image.shape[1], image.shape[0]] * 2, np.float32))
        return Detections(boxes, best[sure][kept], classes[sure][kept])


def session(model: Path | bytes, threads: int = 1) -> ort.InferenceSession:
    """Open a model, a file or its bytes, on the CPU with so many threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Without it sums overflow in INT8 models on x86-64 processors without VNNI; as Iris sets it.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(
        str(model) if isinstance(model, Path) else model, options, providers=["CPUExecutionProvider"]
    )


def suppress(boxes: Floats, scores: Floats, classes: NDArray[np.int64], iou: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression in each class: the places of what stays, the strongest first."""
    order = np.argsort(-scores, kind="stable")[:1000]
    rows = np.hstack((boxes[order, :2], boxes[order, 2:] - boxes[order, :2]))
    kept = cv2.dnn.NMSBoxesBatched(rows.tolist(), scores[order].tolist(), classes[order].tolist(), -1, iou)
    return order[np.array(kept, np.int64)]


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of each of (N, 4) with each of (M, 4): (N, M)."""
    near = np.maximum(a[:, None, :2], b[None, :, :2])
    far = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (far - near).clip(0).prod(2)
    area_a, area_b = ((x[:, 2:] - x[:, :2]).clip(0).prod(1) for x in (a, b))
    union: Floats = shared / np.maximum(area_a[:, None] + area_b[None] - shared, 1e-9)
    return union


def corners(cx: Floats, cy: Floats, w: Floats, h: Floats) -> Floats:
    """Turn centres and sizes into (N, 4) corners."""
    return np.stack((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), 1)


def _yolox(out: Floats, model: Model) -> tuple[Floats, Floats]:
    """Decode YOLOX's raw grid (arXiv:2107.08430): N x (5 + C), offsets in cells, scores 0..1."""
    grid = []
    for s in model.output.get("strides", [8, 16, 32]):
        y, x = np.mgrid[: model.size[1] // s, : model.size[0] // s]
        grid.append(np.stack((x.ravel(), y.ravel(), np.full(x.size, s)), 1))
    x, y, s = np.concatenate(grid).astype(np.float32).T
    boxes = corners((out[:, 0] + x) * s, (out[:, 1] + y) * s, np.exp(out[:, 2]) * s, np.exp(out[:, 3]) * s)
    return boxes, out[:, 4:5] * out[:, 5:]


def _yolo(out: Floats, model: Model) -> tuple[Floats, Floats]:
    """Decode YOLOv5's N x (5 + C) or YOLOv8's (4 + C) x N."""
    if model.output["style"] == "v8":
        return corners(*out[:4]), out[4:].T
    return corners(*out.T[:4]), out[:, 4:5] * out[:, 5:]


def _fastestdet(out: Floats, model: Model) -> tuple[Floats, Floats]:
    """Decode FastestDet's one level of stride 16: (5 + C) x rows x columns."""
    rows, columns = out.shape[1:]
    y, x = (v.ravel().astype(np.float32) for v in np.mgrid[:rows, :columns])
    out = out.reshape(out.shape[0], -1)
    w, h = (1 / (1 + np.exp(-out[3:5]))) * np.array(model.size, np.float32)[:, None]
    boxes = corners((np.tanh(out[1]) + x) * 16, (np.tanh(out[2]) + y) * 16, w, h)
    return boxes, (out[0] ** 0.6 * out[5:] ** 0.4).T


DECODERS = {"yolox": _yolox, "yolo": _yolo, "fastestdet": _fastestdet}
