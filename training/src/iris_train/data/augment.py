"""Changes to a picture's look. Each takes and returns an image (H, W, 3), blue first, of the same size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.random import Generator

from iris_train.evaluate.model import Image


@dataclass(frozen=True)
class Augment:
    """How often each change happens (0..1), and how far geometry may go."""

    mosaic: float = 0.35
    mixup: float = 0.0
    flip: float = 0.5
    smallest: float = 0.7
    """Of the scale at which the whole picture fits the view."""
    largest: float = 1.6
    """Of the scale at which the picture covers the view."""
    aspect: float = 0.15
    """Logarithm of the most that a picture is stretched."""
    hsv: tuple[float, float, float] = (0.015, 0.6, 0.4)
    """Most change of hue, saturation and value."""
    grey: float = 0.05
    blur: float = 0.05
    noise: float = 0.08
    compression: float = 0.1
    night: float = 0.05
    infrared: float = 0.03
    rain: float = 0.02
    occlusion: float = 0.05

    def plain(self) -> Augment:
        """Return it without mosaic and mix-up, for the end of a run."""
        return Augment(**{f.name: getattr(self, f.name) for f in fields(self)} | {"mosaic": 0.0, "mixup": 0.0})


def look(image: Image, a: Augment, rng: Generator) -> Image:
    """Change colours first, then the scene, then what the camera does to it."""
    image = hsv(image, a, rng)
    for chance, change in _changes(a):
        if rng.random() < chance:
            image = change(image, rng)
    return image


def _changes(a: Augment) -> list[tuple[float, Callable[[Image, Generator], Image]]]:
    return [
        (a.grey, grey),
        (a.occlusion, occlusion),
        (a.rain, rain),
        (a.night, night),
        (a.infrared, infrared),
        (a.blur, blur),
        (a.noise, noise),
        (a.compression, compression),
    ]


def hsv(image: Image, a: Augment, rng: Generator) -> Image:
    """Turn hue, and multiply saturation and value."""
    h, s, v = 1 + rng.uniform(-1, 1, 3) * np.array(a.hsv)
    x = np.arange(256)
    tables = [(x + (h - 1) * 180) % 180, (x * s).clip(0, 255), (x * v).clip(0, 255)]
    table = np.stack(tables, 1).astype(np.uint8)[None]
    return _bytes(cv2.cvtColor(cv2.LUT(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), table), cv2.COLOR_HSV2BGR))


def grey(image: Image, _: Generator) -> Image:
    """Take the colours away."""
    return _bytes(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR))


def occlusion(image: Image, rng: Generator) -> Image:
    """Put up to four plain bars or blocks in front, as posts and foliage are."""
    out = image.copy()
    height, width = image.shape[:2]
    for _ in range(rng.integers(1, 5)):
        w, h = rng.uniform(0.02, 0.12, 2) * (width, height * rng.choice((1, 4)))
        x, y = rng.uniform(0, width - w), rng.uniform(-h / 2, height - h / 2)
        color = rng.integers(0, 256, 3).tolist()
        cv2.rectangle(out, (int(x), int(y)), (int(x + w), int(y + h)), color, -1)
    return out


def rain(image: Image, rng: Generator) -> Image:
    """Draw bright streaks, all of one slant, and take contrast away."""
    layer = np.zeros_like(image)
    height, width = image.shape[:2]
    slant, length = rng.uniform(-0.3, 0.3), rng.uniform(0.03, 0.1) * height
    for x, y in rng.uniform(0, 1, (int(rng.integers(40, 200)), 2)) * (width, height):
        cv2.line(layer, (int(x), int(y)), (int(x + slant * length), int(y + length)), (180, 180, 180), 1, cv2.LINE_AA)
    return _bytes(cv2.addWeighted(cv2.convertScaleAbs(image, alpha=0.8, beta=25), 1.0, layer, 0.5, 0))


def night(image: Image, rng: Generator) -> Image:
    """Darken, drain colours, and add the noise of a sensor at high gain."""
    dark = (image.astype(np.float32) / 255) ** rng.uniform(1.3, 2.2) * rng.uniform(90, 180)
    mean = dark.mean(2, keepdims=True)
    dark = mean + (dark - mean) * rng.uniform(0.2, 0.7)
    return _bytes((dark + rng.normal(0, rng.uniform(3, 12), image.shape)).clip(0, 255))


def infrared(image: Image, rng: Generator) -> Image:
    """No colours, and light from the camera that falls off towards the edge."""
    g = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : g.shape[0] * 1j, -1 : 1 : g.shape[1] * 1j]
    lit = g * (1.15 - rng.uniform(0.2, 0.6) * np.sqrt(x * x + y * y)) + rng.normal(0, rng.uniform(1, 6), g.shape)
    return _bytes(np.repeat(lit.clip(0, 255)[:, :, None], 3, 2))


def blur(image: Image, rng: Generator) -> Image:
    """Blur by defocus or by motion along one axis."""
    k = int(rng.choice((3, 5)))
    return _bytes(cv2.blur(image, ((k, 1), (1, k), (k, k))[rng.integers(3)]))


def noise(image: Image, rng: Generator) -> Image:
    """Add a sensor's noise."""
    return _bytes((image + rng.normal(0, rng.uniform(2, 10), image.shape)).clip(0, 255))


def compression(image: Image, rng: Generator) -> Image:
    """Code as JPEG of low quality; half the time after shrinking, as videos of low rate look."""
    height, width = image.shape[:2]
    shrink = rng.uniform(0.5, 1.0) if rng.random() < 0.5 else 1.0
    small = cv2.resize(image, (int(width * shrink), int(height * shrink)), interpolation=cv2.INTER_AREA)
    _, code = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 60))])
    return _bytes(cv2.resize(_bytes(cv2.imdecode(code, cv2.IMREAD_COLOR)), (width, height)))


def _bytes(image: object) -> Image:
    return np.asarray(image, np.uint8)
