"""The command `iris-train`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from iris_train.errors import InputError

Command = Callable[[argparse.Namespace], None]


def _frames(args: argparse.Namespace) -> None:
    from iris_train.data import frames

    for video in args.videos:
        print(f"{video}: {frames.extract(video, args.out / video.stem, args.every)} frames")


def _check(args: argparse.Namespace) -> None:
    from iris_train.data import check, sets

    checked = [check.check(s, args.root) for s in sets.load(args.sets) if not args.only or s.name in args.only]
    problems = [p for c in checked for p in c.problems]
    for c in checked:
        print(check.report(c))
        if args.sheets and c.tiles:
            args.sheets.mkdir(parents=True, exist_ok=True)
            check.sheet(c.tiles, args.sheets / f"{c.name}.jpg")
    twins = check.across(checked)
    for line in (*problems, *twins):
        print(line, file=sys.stderr)
    print(f"{len(problems)} problems, {len(twins)} near-duplicates across splits")
    if problems:
        raise SystemExit(1)


def _label(args: argparse.Namespace) -> None:
    from iris_train.data import label, sets

    teacher = label.Teacher(args.teacher, args.larger, args.threads) if args.teacher else None
    for source in sets.load(args.sets):
        if not args.only or source.name in args.only:
            done = label.pack(source, args.root, args.out, teacher)
            print(f"{source.name}: {done['train']} images to train on, {done['val']} to validate on", flush=True)


def _detector(args: argparse.Namespace) -> None:
    from iris_train.train import config, loop

    changes = {k: v for k in ("minutes", "steps", "seed", "threads") if (v := getattr(args, k)) is not None}
    if "minutes" in changes or "steps" in changes:
        changes = {"minutes": 0.0, "steps": 0} | changes
    run = config.load(args.config, **changes)
    args.out.mkdir(parents=True, exist_ok=True)
    trainer = loop.Trainer(run, loop.open_pools(run, args.data), args.out)
    if args.resume:
        trainer.resume()
    elif (args.out / "last.pt").exists():
        raise InputError(args.out / "last.pt", "exists: go on with --resume, or name another --out")
    elif args.start:
        trainer.start(args.start)
    trainer.fit()


def _tune(args: argparse.Namespace) -> None:
    from iris_train.train import config, tune

    run = config.load(args.config, steps=args.steps, minutes=0.0, threads=args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    study = tune.search(run, args.data, args.validate, args.out / "search.log", args.trials, start=args.start)
    tune.history(study, args.out / "history.png")
    print(f"{len(study.trials)} trials, best {study.best_value:.4f}: {study.best_params}")


def _ablate(args: argparse.Namespace) -> None:
    from iris_train.train import ablate, config

    def load(path: Path) -> config.Run:
        return config.load(path, steps=args.steps, minutes=0.0, threads=args.threads)

    runs = ablate.rows(load(args.config), {p.stem: load(p) for p in args.against})
    ablate.ablate(runs, args.data, args.validate, args.out, args.seeds, args.pictures, args.start)
    print(args.out.read_text())


def _export(args: argparse.Namespace) -> None:
    from iris_train.data import sets
    from iris_train.export import onnx
    from iris_train.train import loop, warm

    detector, run = loop.detector(args.checkpoint)
    if args.mean:
        warm.mean(detector, args.mean / "model.onnx")
    size = tuple(args.size) if args.size else run.phases[-1].size
    args.out.mkdir(parents=True, exist_ok=True)
    onnx.graph(detector, size, args.out / "model.onnx")
    onnx.manifest(args.out, size, onnx.Card(args.name, "fp32", args.data, args.licence))
    onnx.parity(args.out, sets.picture(args.picture), size)
    print(f"{args.out}: differs from PyTorch by at most {onnx.agreement(detector, args.out, size):.1e} in a score")


def _quantize(args: argparse.Namespace) -> None:
    from iris_train.export import shipped

    shipped.quantise(args)


def _evaluate(args: argparse.Namespace) -> None:
    from iris_train.evaluate import report, score
    from iris_train.evaluate.model import Model

    models = [Model(m, args.threads) for m in args.models]
    names = [f.parent.name if f.is_file() else f.name for f in args.models]
    results = {
        path.parent.name: {n: score.evaluate(m, path) for n, m in zip(names, models, strict=True)} for path in args.on
    }
    report.write(results, args.out)
    print((args.out / "report.md").read_text())


def _bench(args: argparse.Namespace) -> None:
    from iris_train.evaluate.bench import bench

    print("| model | ms (tenth percentile) | ms (median) |\n|---|---|---|")
    for name, (low, middle) in bench(args.models, args.rounds).items():
        print(f"| {name} | {low:.2f} | {middle:.2f} |")


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="iris-train", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(under: argparse._SubParsersAction[argparse.ArgumentParser], name: str, run: Command, text: str):  # type: ignore[no-untyped-def]
        p = under.add_parser(name, help=text, description=text)
        p.set_defaults(run=run)
        return p

    data = commands.add_parser("data", help="look at data sets").add_subparsers(required=True, metavar="COMMAND")
    p = add(data, "frames", _frames, "still pictures out of videos")
    p.add_argument("videos", type=Path, nargs="+")
    p.add_argument("--out", type=Path, required=True, help="a folder a video is made in it")
    p.add_argument("--every", type=int, default=1, help="take one frame in so many")

    p = add(data, "check", _check, "counts, contact sheets, and what is wrong with sets")
    p.add_argument("sets", type=Path, help="description of the sets")
    p.add_argument("--root", type=Path, required=True, help="where the description's paths begin")
    p.add_argument("--sheets", type=Path, help="folder for a contact sheet a set")
    p.add_argument("--only", nargs="*", help="these sets alone")

    p = add(commands, "label", _label, "pack sets for training, completed by a teacher")
    p.add_argument("sets", type=Path, help="description of the sets")
    p.add_argument("--root", type=Path, required=True, help="where the description's paths begin")
    p.add_argument("--out", type=Path, required=True, help="where packed sets are written")
    p.add_argument("--teacher", type=Path, help="folder of the teacher's model; without one, gaps stay unknown")
    p.add_argument("--larger", type=int, default=640, help="a YOLOX teacher also looks at this size; 0: it does not")
    p.add_argument("--only", nargs="*", help="these sets alone")
    p.add_argument("--threads", type=int, default=1)

    p = add(commands, "detector", _detector, "train a detector")
    p.add_argument("config", type=Path)
    p.add_argument("--data", type=Path, required=True, help="folder of packed sets")
    p.add_argument("--out", type=Path, required=True, help="folder for checkpoints and TensorBoard logs")
    begin = p.add_mutually_exclusive_group()
    begin.add_argument("--from", dest="start", type=Path, help="model folder whose weights to start from")
    begin.add_argument("--resume", action="store_true", help="go on from last.pt in --out")
    p.add_argument("--minutes", type=float, help="length of the run by the clock")
    p.add_argument("--steps", type=int, help="length of the run in steps")
    p.add_argument("--seed", type=int)
    p.add_argument("--threads", type=int)

    p = add(commands, "tune", _tune, "search for a detector's hyper-parameters")
    p.add_argument("config", type=Path)
    p.add_argument("--data", type=Path, required=True, help="folder of packed sets")
    p.add_argument("--validate", nargs="+", required=True, help="packed sets whose val.json decides")
    p.add_argument("--out", type=Path, required=True, help="folder of the search; one that is there goes on")
    p.add_argument("--trials", type=int, default=20)
    p.add_argument("--steps", type=int, default=1000, help="length of a trial")
    p.add_argument("--from", dest="start", type=Path, help="model folder whose weights trials start from")
    p.add_argument("--threads", type=int, default=1)

    p = add(commands, "ablate", _ablate, "short runs without each part of the augmentation, as a table")
    p.add_argument("config", type=Path)
    p.add_argument("--data", type=Path, required=True, help="folder of packed sets")
    p.add_argument("--validate", nargs="+", required=True, help="packed sets whose val.json is scored")
    p.add_argument("--out", type=Path, required=True, help="the table, a file of Markdown")
    p.add_argument("--steps", type=int, default=1000, help="length of a run")
    p.add_argument("--seeds", type=int, default=2, help="runs of each, with seeds from the configuration's on")
    p.add_argument("--pictures", type=int, default=0, help="of each set at most so many; 0: all")
    p.add_argument("--against", type=Path, nargs="+", default=[], help="other configurations, for a row each")
    p.add_argument("--from", dest="start", type=Path, help="model folder whose weights runs start from")
    p.add_argument("--threads", type=int, default=1)

    p = add(commands, "export", _export, "write a checkpoint as a model folder")
    p.add_argument("checkpoint", type=Path)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--name", required=True)
    p.add_argument("--picture", type=Path, required=True, help="for the parity file; PNG")
    p.add_argument("--mean", type=Path, help="model folder that training started from: the mean of both is written")
    p.add_argument("--size", type=int, nargs=2, help="width and height; left out: as trained last")
    p.add_argument("--data", default="", help="what it was trained on, for the manifest")
    p.add_argument("--licence", default="MIT OR Apache-2.0")

    p = add(commands, "quantize", _quantize, "write a model folder as INT8")
    p.add_argument("model", type=Path, help="a folder that `export` wrote")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--calibrate", type=Path, nargs="+", required=True, help="train.json of packed sets")
    p.add_argument("--validate", type=Path, nargs="+", required=True, help="val.json of packed sets")
    p.add_argument("--images", type=int, default=200, help="to calibrate with")
    p.add_argument("--method", choices=("minmax", "entropy", "percentile"), default="minmax")
    p.add_argument("--bound", type=float, default=0.01, help="AP50 that may be lost")
    p.add_argument("--signed", action="store_true", help="symmetric throughout, for TensorRT; slow on a CPU")
    p.add_argument("--finetune", type=Path, help="checkpoint to fine-tune with rounding if the bound is not kept")
    p.add_argument("--finetune-data", type=Path, help="folder of packed sets for that")
    p.add_argument("--finetune-steps", type=int, default=500)

    p = add(commands, "evaluate", _evaluate, "COCO's measures of models side by side")
    p.add_argument("models", type=Path, nargs="+", help="model folders")
    p.add_argument("--on", type=Path, nargs="+", required=True, help="val.json of packed sets")
    p.add_argument("--out", type=Path, required=True, help="folder for report.md, results.json and plots")
    p.add_argument("--threads", type=int, default=1)

    p = add(commands, "bench", _bench, "processor time of models on one core, in turns")
    p.add_argument("models", type=Path, nargs="+", help="model folders")
    p.add_argument("--rounds", type=int, default=100)
    return top


def main() -> int:
    """Run the command line."""
    args = parser().parse_args()
    try:
        args.run(args)
    except InputError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    return 0
