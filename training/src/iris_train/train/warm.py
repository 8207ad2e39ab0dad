"""Starting from the weights of a model folder: those that are shipped, or an earlier run's without its checkpoint.

A network that is wider or deeper than the model computes what the model does until training changes it, as in Net2Net
(arXiv:1511.05641), but with new channels that are random instead of copies, and that nothing of the model's looks at.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from iris_train.errors import InputError
from iris_train.models.detector import Conv, Detector


def weights(path: Path) -> dict[str, Tensor]:
    """Read the weights and biases of an exported model's convolutions, float or INT8, by their names in `Detector`."""
    if not path.is_file():
        raise InputError(path, "is missing")
    graph = onnx.load(path).graph
    stored = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            value, scale, zero = (stored[i].astype(np.float32) for i in node.input)
            # A scale for each output channel, which comes first.
            shape = (-1, *[1] * (value.ndim - 1))
            stored[node.output[0]] = (value - zero.reshape(shape)) * scale.reshape(shape)
    return {
        name.removesuffix("_DequantizeLinear_Output").removeprefix("detector."): torch.tensor(stored[name])
        for node in graph.node
        if node.op_type == "Conv"
        for name in node.input[1:]
        if name in stored
    }


@torch.no_grad()
def load(detector: Detector, path: Path, images: Iterable[Tensor]) -> None:
    """Give a detector the function of an exported model, in which normalisation is folded into the convolutions.

    Each normalisation gets the statistics that its convolution has on `images` (B, 3, H, W) and undoes itself, so that
    the function is the model's in evaluation, and nearly so in training, where batches have statistics of their own.
    Weights before a normalisation are scaled to the size of the random ones, for which rates of learning are chosen.
    """
    found = weights(path)

    def copy(name: str, conv: nn.Conv2d) -> Tensor:
        """Put weights in the place of the first channels' ones; return the bias."""
        weight, bias = found.pop(f"{name}.weight", None), conv.weight.new_zeros(conv.out_channels)
        if weight is None or any(there > here for there, here in zip(weight.shape, conv.weight.shape, strict=True)):
            there = "missing" if weight is None else f"{tuple(weight.shape)}"
            wanted = f"does not fit into the configuration's network: {name} is {there}, not {tuple(conv.weight.shape)}"
            raise InputError(path, wanted)
        outs = weight.shape[0]
        conv.weight[:outs] = 0
        # Where two maps are joined, the channels of each come first in their half.
        halves = 2 if name.startswith("merge") else 1
        for new, old in zip(conv.weight.chunk(halves, 1), weight.chunk(halves, 1), strict=True):
            new[:outs, : old.shape[1]] = old
        bias[:outs] = found.pop(f"{name}.bias")
        return bias

    blocks = []
    for name, m in detector.named_modules():
        if isinstance(m, Conv):
            blocks.append(m)
            random = m.conv.weight.std()
            m.norm.reset_parameters()
            if m.residual and f"{name}.conv.weight" not in found:
                # One block more than the model has adds nothing at first.
                nn.init.zeros_(m.norm.weight)
                continue
            m.norm.bias.copy_(copy(f"{name}.conv", m.conv))
            m.norm.weight.copy_(m.conv.weight.flatten(1).std(1).clamp(min=1e-6) / random)
            m.conv.weight.div_(m.norm.weight[:, None, None, None])
            if m.side is not None:
                nn.init.zeros_(m.side[1].weight)  # type: ignore[arg-type]
        elif isinstance(m, nn.Conv2d) and m.bias is not None:
            m.bias.copy_(copy(name, m))
    if found:
        raise InputError(path, f"has more blocks than the configuration's network: {', '.join(sorted(found))}")
    _normalise(detector.eval(), blocks, images)
    detector.train()


@torch.no_grad()
def mean(detector: Detector, path: Path) -> None:
    """Fold a detector's normalisation, and turn its weights into the mean of them and those of the model it came from.

    What lies between both keeps most of what the model knew and of what was learnt since (arXiv:2109.01903).
    """
    detector.fuse()
    found = weights(path)
    mine = dict(detector.named_parameters())
    if {k: v.shape for k, v in mine.items()} != {k: v.shape for k, v in found.items()}:
        raise InputError(path, "is another network than the checkpoint's: there is no mean of their weights")
    for name, parameter in mine.items():
        parameter.lerp_(found[name], 0.5)


def _normalise(detector: Detector, blocks: list[Conv], images: Iterable[Tensor]) -> None:
    """Give normalisations statistics, and change gains and offsets so that they do what they did without."""
    sums = {b: torch.zeros(3, b.conv.out_channels, dtype=torch.float64) for b in blocks}

    def count(block: Conv, out: Tensor) -> None:
        x = out.double().cpu()
        sums[block] += torch.stack((torch.full(x.shape[1:2], x[:, 0].numel()), x.sum((0, 2, 3)), (x**2).sum((0, 2, 3))))

    hooks = [b.conv.register_forward_hook(lambda _, __, out, b=b: count(b, out)) for b in blocks]
    for batch in images:
        detector(batch)
    for hook in hooks:
        hook.remove()
    for block, (number, total, squares) in sums.items():
        norm, mean = block.norm, total / number
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(squares / number - mean**2)
        norm.bias.add_(norm.weight * norm.running_mean)
        norm.weight.mul_((norm.running_var + norm.eps).sqrt())
