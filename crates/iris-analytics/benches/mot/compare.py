#!/usr/bin/env python3
"""Scores Iris' trackers beside those of the PyPI package `trackers`, by the public scorers.

    python3 crates/iris-analytics/benches/mot/compare.py [--data ../shared/data/mot]

prints the tables of docs/guide/tracking.md. Needs Python 3.11 or newer and cargo. The packages of requirements.txt go
into a virtual environment under the target folder on the first run; nothing else is installed.

All trackers get the same boxes and the same scores. Faster R-CNN's scores are probabilities and are taken as they are.
ACF's are not: they become 1 / (1 + exp(-(score - 25) / 12)), which follows how many boxes of a score show a person
(about half at 25, nineteen in twenty at 60), and was fixed before any tracker was run. Every tracker runs with its
default parameters and the sequence's frame rate. What is scored is what each reports as a confirmed track that was
seen in the frame.

MOTA and IDF1 are motmetrics', HOTA is TrackEval's; TrackEval's MOTA and IDF1 are computed, too, and must agree to a
hundredth, as the two break ties differently.
"""

import argparse
import configparser
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SEQUENCES = ["KITTI-17", "TUD-Campus", "TUD-Stadtmitte"]
DETECTORS = ["acf", "frcnn"]
OURS = {"Iris ByteTrack": "bytetrack", "Iris OC-SORT": "ocsort"}
OTHERS = {"ByteTrack": "ByteTrackTracker", "OC-SORT": "OCSORTTracker", "SORT": "SORTTracker"}
METRICS = ["MOTA", "IDF1", "HOTA"]


def enter_environment():
    """Runs this script again inside its own virtual environment, which is made if it is missing."""
    folder = TARGET / "mot-venv"
    python = folder / "bin" / "python"
    requirements = (HERE / "requirements.txt").read_text()
    marker = folder / "installed.txt"
    if not marker.exists() or marker.read_text() != requirements:
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        marker.write_text(requirements)
    if Path(sys.prefix) != folder:
        os.execv(python, [str(python), *sys.argv])


def read_rows(path):
    import numpy as np

    return np.loadtxt(path, delimiter=",", ndmin=2)


def sequence_info(folder):
    config = configparser.ConfigParser()
    config.read(folder / "seqinfo.ini")
    return float(config["Sequence"]["frameRate"]), int(config["Sequence"]["seqLength"])


def probabilities(detector, scores):
    import numpy as np

    return 1 / (1 + np.exp(-(scores - 25) / 12)) if detector == "acf" else scores


def run_other(name, folder, detector):
    """The rows (frame, id, x, y, w, h) of a tracker of the package `trackers`."""
    import numpy as np
    import supervision
    import trackers

    rate, frames = sequence_info(folder)
    tracker = getattr(trackers, OTHERS[name])(frame_rate=rate)
    rows = read_rows(folder / f"det_{detector}.txt")
    found = []
    for frame in range(1, frames + 1):
        now = rows[rows[:, 0] == frame]
        boxes = np.c_[now[:, 2:4], now[:, 2:4] + now[:, 4:6]]
        scores, classes = probabilities(detector, now[:, 6]), np.zeros(len(now), int)
        detections = supervision.Detections(xyxy=boxes, confidence=scores, class_id=classes)
        tracked = tracker.update(detections if len(now) else supervision.Detections.empty())
        if tracked.tracker_id is None:
            continue
        for (x0, y0, x1, y1), track in zip(tracked.xyxy, tracked.tracker_id):
            if track >= 0:
                found.append([frame, track + 1, x0, y0, x1 - x0, y1 - y0])
    return np.array(found)


def run_ours(name, folder, detector, scratch):
    """The same of one of Iris' trackers, through `iris track`."""
    scores = "acf" if detector == "acf" else "probability"
    command = [TARGET / "release/iris", "track", "--detections", folder / f"det_{detector}.txt", "--out", scratch]
    subprocess.run([*command, "--tracker", OURS[name], "--scores", scores], check=True)
    return read_rows(scratch)[:, :6]


def score_motmetrics(folder, found, scratch):
    import motmetrics
    import numpy as np

    scratch.write_text("".join("%d,%d,%.3f,%.3f,%.3f,%.3f,1,-1,-1,-1\n" % tuple(row) for row in found))
    truth = motmetrics.io.loadtxt(folder / "gt.txt", fmt="mot15-2D", min_confidence=1)
    tracks = motmetrics.io.loadtxt(scratch, fmt="mot15-2D")
    accumulator = motmetrics.utils.compare_to_groundtruth(truth, tracks, "iou", distth=0.5)
    summary = motmetrics.metrics.create().compute(accumulator, metrics=["mota", "idf1"])
    return np.array(summary.iloc[0], float)


def score_trackeval(folder, found):
    """MOTA, IDF1 and HOTA by TrackEval, on what its MOT15 reader would give it: rows of truth that count."""
    import numpy as np
    from trackeval.metrics import CLEAR, HOTA, Identity

    truth = read_rows(folder / "gt.txt")
    truth = truth[truth[:, 6] > 0]
    _, frames = sequence_info(folder)
    data = {"num_timesteps": frames, "similarity_scores": []}
    for side, rows in [("gt", truth), ("tracker", found)]:
        ids, dense = np.unique(rows[:, 1], return_inverse=True)
        data[f"num_{side}_ids"], data[f"num_{side}_dets"] = len(ids), len(rows)
        data[f"{side}_ids"] = [dense[rows[:, 0] == frame] for frame in range(1, frames + 1)]
    for frame in range(1, frames + 1):
        data["similarity_scores"].append(overlaps(truth[truth[:, 0] == frame], found[found[:, 0] == frame]))
    quiet = {"PRINT_CONFIG": False}
    clear, identity = CLEAR(quiet).eval_sequence(data), Identity(quiet).eval_sequence(data)
    return np.array([clear["MOTA"], identity["IDF1"], HOTA().eval_sequence(data)["HOTA"].mean()])


def overlaps(a, b):
    import numpy as np

    a0, a1, b0, b1 = a[:, None, 2:4], a[:, None, 2:4] + a[:, None, 4:6], b[None, :, 2:4], b[None, :, 2:4] + b[None, :, 4:6]
    shared = np.clip(np.minimum(a1, b1) - np.maximum(a0, b0), 0, None).prod(2)
    return shared / ((a1 - a0).prod(2) + (b1 - b0).prod(2) - shared)


def score(folder, found, scratch):
    import numpy as np

    mota, idf1 = score_motmetrics(folder, found, scratch)
    check = score_trackeval(folder, found)
    if not np.allclose([mota, idf1], check[:2], atol=0.01):
        sys.exit(f"{folder.name}: the scorers disagree: {mota}, {idf1} and {check}")
    return [100 * value for value in (mota, idf1, check[2])]


def table(name, rows):
    """Prints a table; what is not worse than the best of the others is bold."""
    best = [max(rows[other][i] for other in OTHERS) for i in range(3)]
    lines = [f"\n**{name}**\n", "| tracker | " + " | ".join(METRICS) + " |", "|---|--:|--:|--:|"]
    misses = 0
    for tracker, values in rows.items():
        ahead = [tracker in OURS and round(value, 1) >= round(least, 1) for value, least in zip(values, best)]
        cells = [f"**{value:.1f}**" if bold else f"{value:.1f}" for value, bold in zip(values, ahead)]
        misses += 0 if tracker in OTHERS else 3 - sum(ahead)
        lines.append(f"| {tracker} | " + " | ".join(cells) + " |")
    print("\n".join(lines))
    return misses


def main():
    import numpy as np

    # motmetrics 1.4.0 still calls this; numpy 2 dropped the name.
    np.asfarray = lambda values: np.asarray(values, float)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/mot")
    data = parser.parse_args().data
    subprocess.run(["cargo", "build", "-q", "--release", "-p", "iris-server"], cwd=ROOT, check=True)
    scratch = TARGET / "mot-venv" / "tracks.txt"
    misses = 0
    for sequence in SEQUENCES:
        for detector in DETECTORS:
            folder, rows = data / sequence, {}
            for name in OURS | OTHERS:
                ours = name in OURS
                found = run_ours(name, folder, detector, scratch) if ours else run_other(name, folder, detector)
                rows[name] = score(folder, found, scratch)
            misses += table(f"{sequence}, {detector}", rows)
    print(f"\n{misses} of {3 * len(OURS) * len(SEQUENCES) * len(DETECTORS)} cells below the best of the others")


if __name__ == "__main__":
    enter_environment()
    main()
