"""Network, loss and training: overfits a few drawings, and then goes through export, quantisation and scoring."""

from __future__ import annotations

import argparse
import json
import tomllib
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import RunOf, drawing
from iris_train.data.views import Batch
from iris_train.errors import InputError
from iris_train.evaluate import report
from iris_train.evaluate.bench import bench
from iris_train.evaluate.model import Model
from iris_train.evaluate.score import evaluate
from iris_train.export import onnx, quantize, shipped
from iris_train.models.detector import Config, Conv, Detector, Exported, boxes, cells, macs
from iris_train.train import loss, qat, warm
from iris_train.train.loop import Trainer, detector, open_pools


@pytest.fixture(scope="module")
def trained(packed_set: Path, small_run: RunOf, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a short run."""
    out = tmp_path_factory.mktemp("run")
    run = small_run()
    Trainer(run, open_pools(run, packed_set), out).fit()
    return out


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model folder of the short run."""
    out = tmp_path_factory.mktemp("model")
    model, run = detector(trained / "last.pt")
    onnx.graph(model, run.phases[-1].size, out / "model.onnx")
    onnx.manifest(out, run.phases[-1].size, onnx.Card("drawn", "fp32", "drawings", "none"))
    onnx.parity(out, drawing(1)[0], run.phases[-1].size)
    return out


def test_it_overfits(exported: Path, packed_set: Path) -> None:
    result = evaluate(Model(exported), packed_set / "drawn" / "val.json")
    assert result.scores["person"].ap50 > 0.95
    assert result.scores["vehicle"].ap50 > 0.95
    assert result.confusion[0, 0] >= 7


def test_export_agrees_with_pytorch(trained: Path, exported: Path) -> None:
    model, run = detector(trained / "last.pt")
    assert onnx.agreement(model, exported, run.phases[-1].size) < 1e-4
    state = tomllib.loads((exported / "parity.toml").read_text())
    assert {d["class"] for d in state["detections"]} >= {"person", "car"}
    batch = Model(exported).run(np.zeros((3, 3, 128, 192), np.float32))[0]
    assert batch.shape == (3, 10, 24 * 16 + 12 * 8 + 6 * 4)


def test_quantised_agrees(exported: Path, packed_set: Path, tmp_path: Path) -> None:
    drawn = packed_set / "drawn"
    args = argparse.Namespace(
        model=exported,
        out=tmp_path,
        calibrate=[drawn / "train.json"],
        validate=[drawn / "val.json"],
        images=8,
        method="minmax",
        bound=0.02,
        signed=False,
        finetune=None,
    )
    shipped.quantise(args)
    state = json.loads((tmp_path / "quantisation.json").read_text())
    assert state["loss"] <= 0.02
    assert Model(tmp_path).input["type"] == "u8"
    assert len(state["sensitivity"]) == len(quantize.convolutions(exported / "model.onnx"))
    whole, small = ((f / "model.onnx").stat().st_size for f in (exported, tmp_path))
    assert small < whole / 2
    assert set(bench([exported, tmp_path], 3)) == {str(exported), str(tmp_path)}
    results = {"drawn": {f.name: evaluate(Model(f), drawn / "val.json") for f in (exported, tmp_path)}}
    report.write(results, tmp_path / "report")
    assert "| drawn | person | 8 |" in (tmp_path / "report" / "report.md").read_text()


def test_finetuning_with_rounding_keeps_what_was_learnt(trained: Path, packed_set: Path, tmp_path: Path) -> None:
    model, run = detector(trained / "last.pt")
    tuned = qat.tune(Trainer(run, open_pools(run, packed_set), tmp_path), model, 5)
    block = tuned.stage8[0]
    assert isinstance(block, Conv)
    weight = block.conv.weight[0]
    steps = weight / (weight.abs().max() / 127)
    assert torch.allclose(steps, steps.round(), atol=1e-3)
    onnx.graph(tuned, (192, 128), tmp_path / "model.onnx")
    onnx.manifest(tmp_path, (192, 128), onnx.Card("tuned", "fp32", "", ""))
    assert evaluate(Model(tmp_path), packed_set / "drawn" / "val.json").scores["person"].ap50 > 0.9


def test_resuming_is_the_same_as_going_on(packed_set: Path, small_run: RunOf, tmp_path: Path) -> None:
    run = small_run(steps=6, low_precision=False)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Trainer(run, open_pools(run, packed_set), tmp_path / "a")
    whole.fit()
    part = Trainer(run, open_pools(run, packed_set), tmp_path / "b")
    part.fit(lambda t: t.step == 3)
    rest = Trainer(run, open_pools(run, packed_set), tmp_path / "b")
    rest.resume()
    rest.fit()
    assert rest.step == 6
    for a, b in zip(whole.averaged.parameters(), rest.averaged.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_a_checkpoint_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is missing"):
        detector(tmp_path / "last.pt")


def normalised(network: Detector) -> Detector:
    """Give batch normalisations some statistics."""
    for m in network.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(m.weight, 0.5, 1.5)
            torch.nn.init.normal_(m.running_mean, std=0.3)  # type: ignore[arg-type]
    return network.eval()


@pytest.mark.parametrize("branches", [False, True])
def test_fusing_changes_nothing(branches: bool) -> None:
    torch.manual_seed(1)
    network = normalised(Detector(Config((8, 8), (16, 16, 16), (1, 1, 1), (16, 16, 16), branches)))
    x = torch.rand(1, 3, 64, 96)
    fused = deepcopy(network)
    fused.fuse()
    assert (
        sum(isinstance(m, torch.nn.Conv2d) for m in fused.modules())
        == sum(isinstance(m, Conv) for m in fused.modules()) + 6
    )
    for a, b in zip(network(x), fused(x), strict=True):
        assert torch.allclose(a, b, atol=1e-4)
    assert macs(fused, 64, 96) > 0


def test_exported_boxes_are_the_loss_s_boxes() -> None:
    network = normalised(Detector(Config((8, 8), (16, 16, 16), (1, 1, 1), (16, 16, 16))))
    x = torch.rand(1, 3, 64, 96)
    out = Exported(network, 64, 96)(x)[0]
    found = boxes(network(x)[1], cells(64, 96))[0]
    assert torch.allclose(out[:2].T, (found[:, :2] + found[:, 2:]) / 2, atol=1e-3)
    assert torch.allclose(out[2:4].T, found[:, 2:] - found[:, :2], atol=1e-3)


def batch_of(truth: list[list[float]], ignore: list[bool], labelled: bool = True) -> Batch:
    n = len(truth)
    return Batch(
        torch.zeros(1, 3, 64, 96),
        torch.zeros(n, dtype=torch.long),
        torch.tensor(truth),
        torch.zeros(n, dtype=torch.long),
        torch.tensor(ignore),
        torch.ones(n),
        torch.full((1, 6), labelled),
    )


def test_ignored_regions_and_unlabelled_classes_cost_nothing() -> None:
    grid = cells(64, 96)
    logits, sides = torch.full((1, len(grid), 6), -9.0), torch.zeros(1, len(grid), 4)
    inside = ((grid[:, :2] > 8) & (grid[:, :2] < 40)).all(1)
    logits[0, inside, 0] = 4.0
    area = [[8.0, 8.0, 40.0, 40.0]]
    wrong = loss.detection(logits, sides, batch_of([[60.0, 10.0, 90.0, 50.0]], [True]), grid)[0]
    ignored = loss.detection(logits, sides, batch_of(area, [True]), grid)[0]
    unknown = loss.detection(logits, sides, batch_of(area, [True], labelled=False), grid)[0]
    assert wrong > 10
    assert ignored < 1e-2
    assert unknown == 0


def test_the_assignment_prefers_cells_that_overlap() -> None:
    truth = torch.tensor([[0.0, 0.0, 32.0, 32.0], [16.0, 0.0, 48.0, 32.0]])
    found = torch.tensor([[0.0, 0.0, 32.0, 30.0], [16.0, 0.0, 48.0, 30.0], [0.0, 0.0, 10.0, 10.0]])
    # Cells 0, 1 and 2; cell 1 is wanted by both boxes, and overlaps the second more.
    box, place = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 1])
    kept, target = loss.assign(torch.full((4,), 0.5), found[place], truth, box, place)
    assert sorted(zip(box[kept].tolist(), place[kept].tolist(), strict=True)) == [(0, 0), (0, 2), (1, 1)]
    best = dict(zip(place[kept].tolist(), target.tolist(), strict=True))
    assert best[0] == pytest.approx(30 / 32, abs=1e-3)
    assert best[2] < 0.01


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("branches", [False, True])
def test_starting_from_a_model_is_the_model(
    exported: Path, packed_set: Path, small_run: RunOf, tmp_path: Path, int8: bool, branches: bool
) -> None:
    source, close = exported, 1e-3
    if int8:
        source, close = tmp_path / "int8", 0.1
        source.mkdir()
        tensors = quantize.calibration(Model(exported), [packed_set / "drawn" / "train.json"], 8)
        quantize.quantise(exported / "model.onnx", source / "model.onnx", tensors)
        onnx.manifest(source, (192, 128), onnx.Card("drawn", "int8", "", ""))
    run = small_run()
    run = replace(run, network=replace(run.network, branches=branches))
    trainer = Trainer(run, open_pools(run, packed_set), tmp_path)
    trainer.start(source)
    assert onnx.agreement(deepcopy(trainer.averaged), source, (192, 128)) < close
    batch = next(trainer._batches(run.phases[0])).images
    with torch.no_grad():
        trained, averaged = trainer.model.train()(batch)[0], trainer.averaged(batch)[0]
    assert (trained.sigmoid() - averaged.sigmoid()).abs().mean() < 0.01


def test_the_mean_with_a_model_lies_between(exported: Path, small_run: RunOf, tmp_path: Path) -> None:
    detector = Detector(small_run().network).eval()
    alone, before = deepcopy(detector), warm.weights(exported / "model.onnx")
    alone.fuse()
    warm.mean(detector, exported / "model.onnx")
    for name, parameter in detector.named_parameters():
        torch.testing.assert_close(parameter, (alone.get_parameter(name) + before[name]) / 2)
    onnx.graph(detector, (192, 128), tmp_path / "model.onnx")
    other = small_run(network={"stem": (8, 16), "widths": (24, 32, 40), "depths": (1, 1, 1), "neck": (24, 32, 32)})
    with pytest.raises(InputError, match="another network"):
        warm.mean(Detector(other.network), tmp_path / "model.onnx")


def test_a_wider_and_deeper_network_starts_as_the_model(
    exported: Path, packed_set: Path, small_run: RunOf, tmp_path: Path
) -> None:
    network = {"stem": (12, 16), "widths": (32, 32, 64), "depths": (2, 1, 3), "neck": (32, 40, 32)}
    run = small_run(network=network)
    trainer = Trainer(run, open_pools(run, packed_set), tmp_path)
    trainer.start(exported)
    assert onnx.agreement(deepcopy(trainer.averaged), exported, (192, 128)) < 1e-3
    new = trainer.model.merge16.conv.weight.detach()[32:]
    assert new.std() > 0.01
    assert not torch.equal(new[:, :1], new[:, 1:2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (24, 32, 40)}, r"stage32\.0\.conv is \(48, 32, 3, 3\), not \(40, 32, 3, 3\)"),
        ({"depths": (1, 0, 1)}, r"more blocks .*: stage16\.1\.conv\.bias, stage16\.1\.conv\.weight"),
    ],
)
def test_a_smaller_network_does_not_start_from_the_model(
    exported: Path,
    packed_set: Path,
    small_run: RunOf,
    tmp_path: Path,
    changes: dict[str, tuple[int, ...]],
    message: str,
) -> None:
    network: dict[str, object] = {"stem": (8, 16), "widths": (24, 32, 48), "depths": (1, 1, 1), "neck": (24, 32, 32)}
    run = small_run(network=network | changes)
    trainer = Trainer(run, open_pools(run, packed_set), tmp_path)
    with pytest.raises(InputError, match=message):
        trainer.start(exported)
