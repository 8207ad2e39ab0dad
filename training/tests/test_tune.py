"""The search goes on where it stopped."""

from __future__ import annotations

from pathlib import Path

from conftest import RunOf
from iris_train.data import packed
from iris_train.train import ablate, tune


def test_a_search_goes_on(packed_set: Path, small_run: RunOf, tmp_path: Path) -> None:
    for trials in (2, 1):
        study = tune.search(small_run(steps=4), packed_set, ["drawn"], tmp_path / "search.log", trials, checks=2)
    assert len(study.trials) == 3
    tune.history(study, tmp_path / "history.png")
    assert (tmp_path / "history.png").stat().st_size > 1000


def test_a_table_of_ablations(packed_set: Path, small_run: RunOf, tmp_path: Path) -> None:
    runs = ablate.rows(small_run(steps=2), {"slower": small_run(steps=2, rate=1e-4)})
    ablate.ablate(runs, packed_set, ["drawn"], tmp_path / "table.md", seeds=1, pictures=2, start=None)
    head, _, *rows = (tmp_path / "table.md").read_text().splitlines()
    assert head == "| | drawn person | drawn vehicle | mean (from, to) |"
    first, *others = ablate.PARTS
    assert [r.split(" | ")[0].removeprefix("| ") for r in rows] == [first, "slower", *others]


def test_few_pictures_are_taken_evenly(packed_set: Path) -> None:
    pool = packed.read(packed_set / "drawn" / "train.json")
    assert ablate.few(pool, 0) == ablate.few(pool, len(pool) + 1) == pool
    half = len(pool) // 2
    assert [s.image for s in ablate.few(pool, half)] == [s.image for s in pool[:: len(pool) // half]][:half]
