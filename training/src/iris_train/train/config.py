"""A run's configuration (TOML)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iris_train.data.augment import Augment
from iris_train.errors import InputError
from iris_train.models.detector import Config as Network
from iris_train.tables import tuples


@dataclass(frozen=True)
class Phase:
    """A part of a run with views of one size."""

    until: float
    """The share of the run at which it ends."""
    size: tuple[int, int]
    """Width and height, multiples of 32."""
    plain: bool = False
    """Without mosaic and mix-up."""


@dataclass(frozen=True)
class Run:
    """Everything that a run depends on, beside its data."""

    network: Network
    shares: dict[str, float]
    """How much of the views comes from each packed set."""
    phases: tuple[Phase, ...]
    augment: Augment = field(default_factory=Augment)
    seed: int = 1
    batch: int = 16
    steps: int = 0
    """Length of the run; with 0, `minutes` says it (and then the same seed need not give the same weights)."""
    minutes: float = 0.0
    rate: float = 2e-3
    decay: float = 0.05
    warm_up: int = 200
    """Steps."""
    clip: float = 10.0
    ema: float = 0.997
    """Decay of the averaged weights, every fourth step."""
    low_precision: bool = True
    """Convolutions in bfloat16."""
    threads: int = 2
    workers: int = 1
    checkpoint_seconds: float = 90.0


def load(path: Path, **changes: Any) -> Run:
    """Read a configuration; `changes` replace its top-level values."""
    try:
        return parse(tomllib.loads(path.read_text()) | changes)
    except FileNotFoundError as e:
        raise InputError(path, "is missing") from e
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as e:
        raise InputError(path, f"is not a run's configuration: {str(e).split('__init__() ')[-1]}") from e


def parse(raw: dict[str, Any]) -> Run:
    """Build from a parsed configuration."""
    phases = tuple(Phase(p["until"], tuple(p["size"]), p.get("plain", False)) for p in raw["phases"])
    if any(side % 32 for p in phases for side in p.size):
        raise ValueError("sizes must be multiples of 32")
    if not phases or phases[-1].until != 1.0:
        raise ValueError("the last phase must end at 1.0")
    augment = Augment(**tuples(raw.get("augment", {})))
    parts: dict[str, Any] = {"network": Network.parse(raw["network"]), "phases": phases, "augment": augment}
    run = Run(**(raw | parts))
    if bool(run.steps) == bool(run.minutes):
        raise ValueError("give steps or minutes, not both")
    return run
