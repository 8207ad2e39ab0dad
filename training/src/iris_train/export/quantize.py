"""Static INT8 quantisation (QDQ) by ONNX Runtime, with what each layer costs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from tqdm import tqdm

from iris_train.data import packed
from iris_train.errors import InputError
from iris_train.evaluate.model import Floats, Model, session
from iris_train.evaluate.score import as_filmed

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


class Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds prepared images to the calibration."""

    def __init__(self, name: str, tensors: list[Floats]):
        self.name = name
        self.left: Iterator[Floats] = iter(tensors)

    def get_next(self) -> dict[str, Floats] | None:
        """Return the next input, or nothing at the end."""
        tensor = next(self.left, None)
        return None if tensor is None else {self.name: tensor}


def calibration(model: Model, files: list[Path], count: int) -> list[Floats]:
    """Prepare `count` images, evenly out of packed sets (`train.json` files)."""
    samples = [
        s for f in files for s in (lambda all_: all_[:: max(1, len(all_) * len(files) // count)])(packed.read(f))
    ]
    if not samples:
        raise InputError(files[0], "holds no images to calibrate with")
    return [model.prepare(as_filmed(s)[0])[0] for s in samples]


def convolutions(path: Path) -> list[str]:
    """Return the names of the convolutions of a model, from its input on."""
    return [n.name for n in onnx.load(path).graph.node if n.op_type == "Conv"]


def tail(path: Path) -> list[str]:
    """Return the nodes between the last convolutions and the output: they stay in float, for they decode."""
    nodes = list(onnx.load(path).graph.node)
    users: dict[str, list[Any]] = {}
    for n in nodes:
        for i in n.input:
            users.setdefault(i, []).append(n)

    def after(n: Any) -> Iterator[Any]:
        for o in n.output:
            for u in users.get(o, []):
                yield u
                yield from after(u)

    following = {n.name: {u.name for u in after(n)} for n in nodes if n.op_type == "Conv"}
    names = {n.name for n in nodes if n.op_type == "Conv"}
    ends = [c for c in names if not following[c] & names]
    return sorted(set().union(*(following[c] for c in ends)))


def quantise(
    source: Path,
    into: Path,
    tensors: list[Floats],
    method: str = "minmax",
    floats: list[str] | None = None,
    only: list[str] | None = None,
    signed: bool = False,
) -> None:
    """Write an INT8 model, weights per channel; what `floats` names stays as it is, with `only` all others do.

    Activations are unsigned, which a CPU computes fastest (signed ones took longer than float ones on AVX-512 VNNI),
    or with `signed` symmetric, which is all that TensorRT reads.
    """
    logging.getLogger().setLevel(logging.ERROR)
    # Unsigned, pixels are rounded to what they were before they became floats.
    pixels = {"images": [{"scale": np.array(1 / 255, np.float32), "zero_point": np.array(0, np.uint8)}]}
    quantize_static(
        str(source),
        str(into),
        Reader("images", tensors),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Relu"] if only else ["Conv", "Relu", "Add", "Concat", "Resize"],
        per_channel=True,
        activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        nodes_to_quantize=only,
        nodes_to_exclude=[*tail(source), *(floats or [])],
        calibrate_method=METHODS[method],
        extra_options={
            "ActivationSymmetric": signed,
            "WeightSymmetric": True,
            "TensorQuantOverrides": {} if signed else pixels,
        },
    )
    if not only and not signed:
        _take_bytes(into)


def _take_bytes(path: Path) -> None:
    """Let a model take pixels as bytes, unless its first convolution is in float."""
    model = onnx.load(path)
    graph = model.graph
    rounding = next((n for n in graph.node if n.op_type == "QuantizeLinear" and n.input[0] == "images"), None)
    if rounding is None:
        return
    graph.node.remove(rounding)
    for n in graph.node:
        for i, name in enumerate(n.input):
            if name == rounding.output[0]:
                n.input[i] = "images"
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    onnx.checker.check_model(model)
    onnx.save(model, path)


def sensitivity(source: Path, tensors: list[Floats]) -> list[tuple[str, float]]:
    """Return, worst first, what quantising each convolution alone does to the output.

    The measure is the root mean square change of the scores of the hundred strongest cells of an image.
    """
    plain = session(source)
    expected = [plain.run(None, {"images": t})[0] for t in tensors]
    costs = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.onnx"
        for name in tqdm(convolutions(source), desc="sensitivity", leave=False):
            quantise(source, path, tensors, only=[name])
            one = session(path)
            costs.append((name, _change(expected, [one.run(None, {"images": t})[0] for t in tensors])))
    return sorted(costs, key=lambda c: -c[1])


def _change(expected: list[Floats], got: list[Floats]) -> float:
    squares = []
    for a, b in zip(expected, got, strict=True):
        strongest = np.argsort(-a[0, 4:].max(0))[:100]
        squares.append(((a - b)[0, 4:, strongest] ** 2).mean())
    return float(np.sqrt(np.mean(squares)))


def within(bound: float, costs: list[tuple[str, float]], loss: Callable[[list[str]], float]) -> tuple[list[str], float]:
    """Keep the most sensitive layers in float, doubling their number, until the loss is at most `bound`.

    Returns these layers and the loss; the loss is above the bound if a quarter of the layers did not help.
    """
    kept: list[str] = []
    while True:
        lost = loss(kept)
        if lost <= bound or len(kept) * 4 > len(costs):
            return kept, lost
        kept = [name for name, _ in costs[: max(1, 2 * len(kept))]]
