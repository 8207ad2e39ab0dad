"""Quantisation-aware fine-tuning (arXiv:1712.05877, section 3): weights and activations are rounded as in INT8."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from iris_train.models.detector import Conv, Detector
from iris_train.train.config import Phase
from iris_train.train.loop import Trainer, groups


class RoundedWeight(nn.Module):
    """Rounds to 8 bits, symmetric, with a scale for each output channel."""

    def forward(self, weight: Tensor) -> Tensor:
        """Return rounded weights (outs, ins, h, w); gradients pass straight through."""
        scale = weight.detach().abs().amax((1, 2, 3)).clamp(min=1e-8) / 127
        zero = torch.zeros_like(scale, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127)


class Rounded(nn.Module):
    """Rounds what a ReLU returns to 8 bits without sign; its range follows the data while training."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("most", torch.zeros(()))
        self.most: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Return rounded activations, of any shape."""
        if self.training:
            most = x.detach().max()
            self.most.copy_(torch.where(self.most == 0, most, self.most.lerp(most, 0.05)))
        scale = (self.most.clamp(min=1e-6) / 255).reshape(1)
        return torch.fake_quantize_per_tensor_affine(x.float(), scale, torch.zeros(1, dtype=torch.int32), 0, 255)


def prepare(detector: Detector) -> Detector:
    """Return a fused copy that rounds as INT8 does."""
    copy = deepcopy(detector)
    copy.fuse()
    for m in list(copy.modules()):
        if isinstance(m, nn.Conv2d):
            parametrize.register_parametrization(m, "weight", RoundedWeight())
    for m in list(copy.modules()):
        if isinstance(m, Conv):
            m.rounded = Rounded()
            m.register_forward_hook(lambda m, _, out: m.rounded(out))
    return copy


def plain(detector: Detector) -> Detector:
    """Return a copy without the rounding of activations, its weights rounded for good."""
    copy = deepcopy(detector)
    for m in copy.modules():
        if isinstance(m, nn.Conv2d):
            parametrize.remove_parametrizations(m, "weight")
        if isinstance(m, Conv):
            m._forward_hooks.clear()
            del m.rounded
    return copy


def tune(trainer: Trainer, detector: Detector, steps: int, rate: float = 1e-4) -> Detector:
    """Train a fused detector for some steps at a small rate with rounding in place; for `trainer`'s data and views."""
    run = trainer.run
    phase = Phase(1.0, run.phases[-1].size, plain=True)
    trainer.run = replace(run, steps=steps, minutes=0.0, rate=rate, warm_up=20, phases=(phase,), low_precision=False)
    trainer.model = prepare(detector).requires_grad_(True).train()
    trainer.averaged = deepcopy(trainer.model).eval()
    trainer.optimiser = torch.optim.AdamW(groups(trainer.model, 0.0), lr=rate, betas=(0.9, 0.99))
    trainer.step, trainer.seconds = 0, 0.0
    trainer.fit()
    return plain(trainer.averaged)
