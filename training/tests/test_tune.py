"""The search goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from conftest import RunOf
from iris_train.train import ablate, tune


def test_a_search_goes_on(packed_set: Path, small_run: RunOf, tmp_path: Path) -> None:
    for trials in (2, 1):
        study = tune.search(small_run(steps=4), packed_set, ["drawn"], tmp_path / "search.log", trials, checks=2)
    assert len(study.trials) == 3
    tune.history(study, tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_a_table_of_ablations(packed_set: Path, small_run: RunOf, tmp_path: Path) -> None:
    ablate.ablate(small_run(steps=2), packed_set, ["drawn"], tmp_path / "table.md", seeds=1)
    head, _, *rows = (tmp_path / "table.md").read_text().splitlines()
    assert head == "| | drawn person | drawn vehicle | mean (from, to) |"
    assert [r.split(" | ")[0].removeprefix("| ") for r in rows] == list(ablate.PARTS)
