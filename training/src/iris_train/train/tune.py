"""Hyper-parameter search (Optuna): short runs, kept in a file, pruned where they fall behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import matplotlib as mpl
import optuna

mpl.use("Agg")
import matplotlib.pyplot as plt
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from iris_train.data import packed
from iris_train.evaluate.checkpoint import accuracy
from iris_train.train.config import Run
from iris_train.train.loop import Trainer, open_pools


def proposed(run: Run, trial: optuna.Trial) -> Run:
    """Return a run with the values that a trial proposes."""
    augment = replace(
        run.augment,
        mosaic=trial.suggest_float("mosaic", 0.0, 0.7),
        mixup=trial.suggest_float("mixup", 0.0, 0.3),
        largest=trial.suggest_float("largest", 1.2, 2.5),
    )
    rate = trial.suggest_float("rate", 5e-4, 8e-3, log=True)
    decay = trial.suggest_float("decay", 0.005, 0.1, log=True)
    return replace(run, augment=augment, rate=rate, decay=decay)


def search(
    run: Run,
    data: Path,
    validate: list[str],
    storage: Path,
    trials: int,
    checks: int = 4,
    start: Path | None = None,
) -> optuna.Study:
    """Go on with the search in `storage` for so many trials; each is looked at `checks` times, and pruned if behind.

    What counts is the mean AP50 of averaged weights over sets and the groups person and vehicle.
    """
    study = optuna.create_study(
        study_name="detector",
        storage=JournalStorage(JournalFileBackend(str(storage))),
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=run.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        load_if_exists=True,
    )
    pools = open_pools(run, data)
    samples = {name: packed.read(data / name / "val.json") for name in validate}

    def objective(trial: optuna.Trial) -> float:
        with TemporaryDirectory() as folder:
            trainer = Trainer(proposed(run, trial), pools, Path(folder))
            if start:
                trainer.start(start)
            value = 0.0
            for i in range(1, checks + 1):
                trainer.fit(lambda t, share=i / checks: t.progress() >= share)  # type: ignore[misc]
                value = mean(accuracy(trainer.averaged, samples, run.phases[-1].size).values())
                trial.report(value, i)
                if trial.should_prune():
                    raise optuna.TrialPruned
            return value

    study.optimize(objective, n_trials=trials)
    return study


def history(study: optuna.Study, path: Path) -> None:
    """Draw each trial's value and the best so far."""
    # A pruned trial has a value too: its last one.
    complete = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    done = [(t.number, t.value) for t in complete if t.value is not None]
    pruned = [
        (t.number, list(t.intermediate_values.values())[-1])
        for t in study.trials
        if t.state == optuna.trial.TrialState.PRUNED and t.intermediate_values
    ]
    best = [(n, max(v for _, v in done[: i + 1])) for i, (n, _) in enumerate(done)]
    figure, axis = plt.subplots(figsize=(6, 4))
    for points, style, label in ((done, "o", "trial"), (pruned, "x", "pruned"), (best, "-", "best")):
        axis.plot([n for n, _ in points], [v for _, v in points], style, label=label)
    axis.set(xlabel="trial", ylabel="mean AP50")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)
