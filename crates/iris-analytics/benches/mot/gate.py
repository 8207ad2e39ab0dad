#!/usr/bin/env python3
"""What the gate before the model costs in IDF1, by motmetrics, on rendered scenes with their truth.

    cargo xtask bench alarms -- --gate [SCENE…]
    python3 crates/iris-analytics/benches/mot/gate.py

The first watches the scenes as a whole and through the gate, and leaves the tracks of both in target/bench-alarms, which
is what the second reads. Between two looks a box is where a straight line from one to the other says, for as long as
the gate may wait. Objects of which less than a third is to be seen, or that are lower than 24 pixels, neither count nor
count against a tracker.
"""

import sys

from compare import ROOT, TARGET, enter_environment, overlaps, read_rows, sequence_info

GAP_SECONDS = 8.0


def filled(rows, rate):
    """Rows (frame, id, x, y, w, h) with one for each frame between two of a track."""
    import numpy as np

    parts = [np.zeros((0, 6))]
    for track in np.unique(rows[:, 1]):
        own = rows[rows[:, 1] == track][:, :6]
        frames = np.arange(own[0, 0], own[-1, 0] + 1)
        after = np.searchsorted(own[:, 0], frames)
        known = own[np.maximum(after, 1) - 1, 0]
        near = (own[after, 0] - known <= GAP_SECONDS * rate) | (own[after, 0] == frames)
        boxes = [np.interp(frames, own[:, 0], own[:, i]) for i in range(2, 6)]
        parts.append(np.c_[frames, np.full(len(frames), track), *boxes][near])
    return np.concatenate(parts)


def idf1(folder, name):
    import motmetrics
    import numpy as np

    rate, frames = sequence_info(folder)
    truth, found = read_rows(folder / "gt/gt.txt"), read_rows(folder / name)
    found = filled(found, rate) if found.size else np.zeros((0, 6))
    accumulator = motmetrics.MOTAccumulator()
    for frame in range(1, frames + 1):
        there, boxes = truth[truth[:, 0] == frame], found[found[:, 0] == frame]
        shared = overlaps(there, boxes)
        counts = (there[:, 8] >= 1 / 3) & (there[:, 5] >= 24)
        # What shows something that does not count is left out.
        left_out = (shared[~counts] >= 0.5).any(0) & ~(shared[counts] >= 0.5).any(0)
        distances = 1 - shared[counts][:, ~left_out]
        distances[distances > 0.5] = np.nan
        accumulator.update(there[counts][:, 1], boxes[~left_out][:, 1], distances, frame)
    return 100 * float(motmetrics.metrics.create().compute(accumulator, metrics=["idf1"]).iloc[0, 0])


def main():
    import numpy as np

    # motmetrics 1.4.0 still calls this; numpy 2 dropped the name.
    np.asfarray = lambda values: np.asarray(values, float)
    folders = sorted(path.parent for path in (TARGET / "bench-alarms").glob("*/gated.txt"))
    if not folders:
        sys.exit(f"{ROOT}: nothing was watched through the gate yet: cargo xtask bench alarms -- --gate")
    rows = {folder.name: [idf1(folder, name) for name in ("raised.txt", "gated.txt")] for folder in folders}
    rows["mean"] = np.mean(list(rows.values()), 0)
    print("| scene | IDF1, whole | gated |\n|---|--:|--:|")
    for name, (whole, gated) in rows.items():
        print(f"| {name} | {whole:.1f} | {gated:.1f} |")


if __name__ == "__main__":
    enter_environment()
    main()
