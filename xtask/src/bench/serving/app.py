"""A detector behind Flask and Gunicorn, as one writes it with OpenCV, NumPy and ONNX Runtime. The peer of `xtask bench serving`.

`gunicorn app:app` serves the model whose file the variable MODEL names, one session of one thread a worker; what of its manifest
matters stands beside it in SPEC, as JSON. `python3 app.py PICTURE RUNS` says what the model alone takes, in seconds of processor
time a run.
"""

import json
import os
import sys
import time

import cv2
import flask
import numpy as np
import onnxruntime

cv2.setNumThreads(1)
spec = json.loads(os.environ["SPEC"])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
# As Iris does: without it, sums of INT8 models overflow on processors without VNNI.
options.add_session_config_entry("session.x64quantprecision", "1")
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
[port] = session.get_inputs()
HEIGHT, WIDTH = port.shape[2:]
DTYPE = np.uint8 if port.type == "tensor(uint8)" else np.float32


def letterbox(image):
    """The picture in the model's input, and what takes boxes back: the scale, and where its corner lies."""
    scale = min(WIDTH / image.shape[1], HEIGHT / image.shape[0])
    width, height = round(image.shape[1] * scale), round(image.shape[0] * scale)
    left, top = ((WIDTH - width) // 2, (HEIGHT - height) // 2) if spec["centered"] else (0, 0)
    canvas = np.full((HEIGHT, WIDTH, 3), 114, np.uint8)
    shrinks = width < image.shape[1]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    canvas[top : top + height, left : left + width] = resized
    if spec["rgb"]:
        canvas = cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=DTYPE), (scale, left, top)


def grid():
    """The cells of strides 8, 16 and 32, one behind the other: column, row and stride."""
    cells = []
    for stride in (8, 16, 32):
        rows, columns = np.mgrid[: HEIGHT // stride, : WIDTH // stride]
        cells.append(np.stack([columns.ravel(), rows.ravel(), np.full(rows.size, stride)]))
    return np.concatenate(cells, axis=1).astype(np.float32)


CELLS = grid()


def yolox(output):
    """Centres, sizes, scores and classes of what YOLOX is sure enough of; the rest is not computed."""
    best = output[:, 5:].max(axis=1) * output[:, 4]
    kept = np.flatnonzero(best >= spec["score"])
    rows, (columns, lines, strides) = output[kept], CELLS[:, kept]
    boxes = [(rows[:, 0] + columns) * strides, (rows[:, 1] + lines) * strides]
    boxes += [np.exp(rows[:, 2]) * strides, np.exp(rows[:, 3]) * strides]
    return np.stack(boxes), best[kept], rows[:, 5:].argmax(axis=1)


def yolo_v8(output):
    """The same of YOLOv8's columns of centre, size and a score a class."""
    best = output[4:].max(axis=0)
    kept = np.flatnonzero(best >= spec["score"])
    return output[:4, kept], best[kept], output[4:, kept].argmax(axis=0)


decode = {"yolox": yolox, "yolo": yolo_v8}[spec["decoder"]]


def detect(image):
    """What is seen in a picture, the strongest first."""
    tensor, (scale, left, top) = letterbox(image)
    [output] = session.run(None, {port.name: tensor})
    (x, y, w, h), scores, classes = decode(output[0])
    corners = np.stack([(x - w / 2 - left) / scale, (y - h / 2 - top) / scale, w / scale, h / scale], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxesBatched(corners, scores, classes, spec["score"], spec["iou"]), int).reshape(-1)
    kept = kept[np.argsort(-scores[kept])]
    corners = corners[kept]
    corners[:, 2:] += corners[:, :2]
    corners = corners.clip(0, [*image.shape[1::-1]] * 2)
    return [
        {"class": spec["classes"][number], "score": float(score), "box": box.tolist()}
        for box, score, number in zip(corners, scores[kept], classes[kept])
    ]


app = flask.Flask(__name__)


@app.post("/detect")
def answer():
    """A picture in, boxes out."""
    image = cv2.imdecode(np.frombuffer(flask.request.get_data(), np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        flask.abort(422, "no picture")
    height, width = image.shape[:2]
    return {"width": width, "height": height, "detections": detect(image)}


if __name__ == "__main__":
    tensor, _ = letterbox(cv2.imread(sys.argv[1]))
    runs = int(sys.argv[2])
    for _ in range(max(runs // 10, 1)):
        session.run(None, {port.name: tensor})
    began = time.process_time()
    for _ in range(runs):
        session.run(None, {port.name: tensor})
    print((time.process_time() - began) / runs)
