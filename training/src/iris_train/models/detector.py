"""An anchor-free detector of plain 3x3 convolutions, made to be quantised."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from iris_train.tables import tuples

STRIDES = (8, 16, 32)


@dataclass(frozen=True)
class Config:
    """Widths and depths of a detector."""

    stem: tuple[int, int] = (16, 32)
    """Channels at stride 2 and 4."""
    widths: tuple[int, int, int] = (64, 96, 128)
    """Channels of the backbone at stride 8, 16 and 32."""
    depths: tuple[int, int, int] = (1, 3, 2)
    """Residual blocks after each of these strides."""
    neck: tuple[int, int, int] = (32, 64, 64)
    """Channels of the heads at stride 8, 16 and 32."""
    branches: bool = False
    """Train each 3x3 convolution beside a 1x1 one (RepVGG, arXiv:2101.03697, section 3.3); export makes them one."""
    classes: int = 6

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Config:
        """Build from a table of a configuration file or a checkpoint."""
        return cls(**tuples(raw))

    def table(self) -> dict[str, Any]:
        """Return the values for a checkpoint."""
        return asdict(self)


class Conv(nn.Module):
    """Convolution, batch normalisation, ReLU; with `residual` the input is added before the ReLU."""

    def __init__(self, ins: int, outs: int, size: int = 3, stride: int = 1, branches: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(ins, outs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outs, momentum=0.03)
        self.side: nn.Sequential | None = None
        if branches and size == 3:
            self.side = nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs, momentum=0.03))
        self.residual = ins == outs and stride == 1 and size == 3

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, ins, H, W) to (B, outs, H/stride, W/stride)."""
        y: Tensor = self.norm(self.conv(x))
        if self.side is not None:
            y = y + self.side(x)
        return F.relu(y + x if self.residual else y)

    def fuse(self) -> None:
        """Fold normalisation and side branch into the one convolution, for export; once is enough."""
        if isinstance(self.norm, nn.Identity):
            return
        weight, bias = _folded(self.conv, self.norm)
        if self.side is not None:
            conv, norm = self.side
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            side_weight, side_bias = _folded(conv, norm)
            weight, bias = weight + F.pad(side_weight, (1, 1, 1, 1)), bias + side_bias
        c = self.conv
        self.conv = nn.Conv2d(c.in_channels, c.out_channels, c.kernel_size, c.stride, c.padding)  # type: ignore[arg-type]
        self.conv.weight, self.conv.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.norm, self.side = nn.Identity(), None  # type: ignore[assignment]


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (conv.weight * gain[:, None, None, None]).detach(), (norm.bias - norm.running_mean * gain).detach()


class Detector(nn.Module):
    """Backbone, top-down neck (FPN, arXiv:1612.03144, section 3) and a head for each of three strides."""

    def __init__(self, config: Config):
        super().__init__()
        self.config = config
        w8, w16, w32 = config.widths
        n8, n16, n32 = config.neck

        def conv(ins: int, outs: int, size: int = 3, stride: int = 1) -> Conv:
            return Conv(ins, outs, size, stride, config.branches)

        def stage(ins: int, outs: int, depth: int) -> nn.Sequential:
            return nn.Sequential(conv(ins, outs, stride=2), *(conv(outs, outs) for _ in range(depth)))

        self.stem = nn.Sequential(conv(3, config.stem[0], stride=2), conv(config.stem[0], config.stem[1], stride=2))
        self.stage8 = stage(config.stem[1], w8, config.depths[0])
        self.stage16 = stage(w8, w16, config.depths[1])
        self.stage32 = stage(w16, w32, config.depths[2])
        self.down32 = conv(w32, n16, 1)
        self.lateral16 = conv(w16, n16, 1)
        self.merge16 = conv(2 * n16, n16)
        self.down16 = conv(n16, n8, 1)
        self.lateral8 = conv(w8, n8, 1)
        self.merge8 = conv(2 * n8, n8)
        self.head16 = conv(n16, n16)
        self.head32 = conv(w32, n32)
        self.scores = nn.ModuleList(nn.Conv2d(n, config.classes, 1) for n in config.neck)
        self.sides = nn.ModuleList(nn.Conv2d(n, 4, 1) for n in config.neck)
        self._initialise()

    def _initialise(self) -> None:
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
        for score, side in zip(self.scores, self.sides, strict=True):
            assert isinstance(score, nn.Conv2d)
            assert isinstance(side, nn.Conv2d)
            assert score.bias is not None
            assert side.bias is not None
            nn.init.normal_(score.weight, std=0.01)
            nn.init.normal_(side.weight, std=0.01)
            # A score of 0.01 at first: focal loss (arXiv:1708.02002), section 3.3.
            nn.init.constant_(score.bias, -4.6)
            nn.init.constant_(side.bias, 0.7)

    def levels(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return (B, classes, h, w) logits and (B, 4, h, w) raw sides for each stride."""
        x8 = self.stage8(self.stem(x))
        x16 = self.stage16(x8)
        x32 = self.stage32(x16)
        up = F.interpolate(self.down32(x32), scale_factor=2.0, mode="nearest")
        y16 = self.merge16(torch.cat((up, self.lateral16(x16)), 1))
        up = F.interpolate(self.down16(y16), scale_factor=2.0, mode="nearest")
        y8 = self.merge8(torch.cat((up, self.lateral8(x8)), 1))
        heads = (y8, self.head16(y16), self.head32(x32))
        return [(s(h), d(h)) for h, s, d in zip(heads, self.scores, self.sides, strict=True)]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, 3, H, W), RGB 0..1, to (B, N, classes) logits and (B, N, 4) raw sides; N cells of all strides."""
        levels = self.levels(x)
        scores = torch.cat([s.flatten(2) for s, _ in levels], 2).transpose(1, 2)
        sides = torch.cat([d.flatten(2) for _, d in levels], 2).transpose(1, 2)
        return scores, sides

    def fuse(self) -> None:
        """Turn every block into a single convolution (and its addition, if residual)."""
        for m in list(self.modules()):
            if isinstance(m, Conv):
                m.fuse()


def cells(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """Return (N, 3): centre x, centre y and stride, in pixels, of each cell in the order of the outputs."""
    out = []
    for s in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // s), torch.arange(width // s), indexing="ij")
        out.append(torch.stack(((x + 0.5) * s, (y + 0.5) * s, torch.full_like(x, s)), 2).float().flatten(0, 1))
    return torch.cat(out).to(device) if device is not None else torch.cat(out)


def boxes(sides: Tensor, grid: Tensor) -> Tensor:
    """Turn raw sides (..., 4) into boxes x0, y0, x1, y1 in pixels: exp(raw) strides from the centre of their cell."""
    d = sides.float().clamp(-4.0, 5.0).exp() * grid[..., 2:]
    c = grid[..., :2]
    return torch.cat((c - d[..., :2], c + d[..., 2:]), -1)


class Exported(nn.Module):
    """A detector that returns what the server reads: (B, 4 + classes, N), centre and size in pixels, scores 0..1."""

    def __init__(self, detector: Detector, height: int, width: int):
        super().__init__()
        self.detector = detector
        grid = cells(height, width)
        self.centre: Tensor
        self.stride: Tensor
        self.register_buffer("centre", grid[:, :2].T[None].contiguous())
        self.register_buffer("stride", grid[:, 2][None, None].contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, 3, H, W), RGB 0..1, to (B, 4 + classes, N)."""
        levels = self.detector.levels(x)
        scores = torch.cat([s.flatten(2) for s, _ in levels], 2).sigmoid()
        sides = torch.cat([d.flatten(2) for _, d in levels], 2).clamp(-4.0, 5.0).exp() * self.stride
        near, far = sides[:, :2], sides[:, 2:]
        return torch.cat((self.centre + (far - near) * 0.5, near + far, scores), 1)


def macs(detector: Detector, height: int, width: int) -> int:
    """Count the multiplications of one inference."""
    total = 0

    def count(m: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        assert isinstance(m, nn.Conv2d)
        total += out.shape[1] * out.shape[2] * out.shape[3] * m.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in detector.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        detector(torch.zeros(1, 3, height, width))
    for h in hooks:
        h.remove()
    return total
