"""ONNX Runtime reports nothing to its maker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conftest import RunOf
from iris_train.export import onnx
from iris_train.models.detector import Detector

OPEN = "import sys, pathlib; from iris_train.evaluate.model import session; session(pathlib.Path(sys.argv[1]), 1)"


def test_nothing_is_collected_for_onnx_runtime_s_maker(small_run: RunOf, tmp_path: Path) -> None:
    onnx.graph(Detector(small_run().network).eval(), (192, 128), tmp_path / "model.onnx")
    home = tmp_path / "home"
    home.mkdir()
    without = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    subprocess.run([sys.executable, "-c", OPEN, tmp_path / "model.onnx"], env=without | {"HOME": str(home)}, check=True)
    assert list(home.rglob("*")) == [], "it would collect what it sends there"
