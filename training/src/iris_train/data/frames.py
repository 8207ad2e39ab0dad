"""Still pictures out of videos."""

from __future__ import annotations

from pathlib import Path

import cv2

from iris_train.errors import InputError


def extract(video: Path, out: Path, every: int) -> int:
    """Write each `every`-th frame as `NNNNNN.jpg`, counted from 1 as COCO's and MOTChallenge's frames are."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise InputError(video, "is not a video that can be read")
    out.mkdir(parents=True, exist_ok=True)
    frame = written = 0
    while capture.grab():
        frame += 1
        if (frame - 1) % every == 0:
            _, image = capture.retrieve()
            cv2.imwrite(str(out / f"{frame:06}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 92])
            written += 1
    return written
