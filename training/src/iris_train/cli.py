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
    trainer.fit()


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
    p.add_argument("--resume", action="store_true", help="go on from last.pt in --out")
    p.add_argument("--minutes", type=float, help="length of the run by the clock")
    p.add_argument("--steps", type=int, help="length of the run in steps")
    p.add_argument("--seed", type=int)
    p.add_argument("--threads", type=int)
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
