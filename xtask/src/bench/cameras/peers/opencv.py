"""What people write first: OpenCV's VideoCapture in a thread a camera, ONNX Runtime, ByteTrack. A peer of `xtask bench cameras`.

Usage: opencv.py MODEL RATE COUNT URL...; how many results there were so far is written to the file COUNT, over and over.
"""

import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import supervision
import trackers

SCORE, IOU = 0.3, 0.5


def letterbox(image, width, height):
    """The picture at the model's size, RGB, one of a batch; and what takes boxes back."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    canvas = np.full((height, width, 3), 114, np.uint8)
    canvas[top : top + size[1], left : left + size[0]] = cv2.resize(image, size)
    return np.ascontiguousarray(canvas[None, :, :, ::-1].transpose(0, 3, 1, 2)), (scale, left, top)


def decode(output, scale, left, top):
    """Boxes, scores and classes out of the columns of centre, size and a score a class."""
    scores = output[4:].max(axis=0)
    kept = scores >= SCORE
    (x, y, w, h), scores, classes = output[:4, kept], scores[kept], output[4:, kept].argmax(axis=0)
    x, y, w, h = (x - left) / scale, (y - top) / scale, w / scale, h / scale
    corners = np.stack([x - w / 2, y - h / 2, w, h], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(corners, scores, classes, SCORE, IOU), int).reshape(-1)
    corners = corners[kept]
    corners[:, 2:] += corners[:, :2]
    return supervision.Detections(xyxy=corners, confidence=scores[kept], class_id=classes[kept])


def watch(url, session, rate, counts, number):
    """Grabs every frame, and looks at so many a second."""
    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    tracker = trackers.ByteTrackTracker(frame_rate=rate, track_activation_threshold=SCORE, high_conf_det_threshold=SCORE)
    name, (height, width) = session.get_inputs()[0].name, session.get_inputs()[0].shape[2:]
    due = time.monotonic()
    while capture.grab():
        if time.monotonic() < due:
            continue
        due = max(due + 1 / rate, time.monotonic() - 1)
        found, image = capture.retrieve()
        if found:
            tensor, back = letterbox(image, width, height)
            tracker.update(decode(session.run(None, {name: tensor})[0][0], *back))
            counts[number] += 1
    sys.exit(f"{url} sends nothing any more")


def main():
    """Starts a thread a camera, and says how many results there are."""
    model, rate, count, *urls = sys.argv[1:]
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    counts = [0] * len(urls)
    for number, url in enumerate(urls):
        threading.Thread(target=watch, args=(url, session, float(rate), counts, number), daemon=True).start()
    while True:
        time.sleep(0.1)
        Path(count + ".new").write_text(str(sum(counts)))
        Path(count + ".new").rename(count)


main()
