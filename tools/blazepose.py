"""Runs BlazePose on pictures, in an environment of its own: `.venv-blazepose/bin/python tools/blazepose.py IN OUT`.

IN: folder with pictures named by numbers (`00000.png`, …). OUT: an npz with, for N pictures in their order,

    found    (N,) bool: the detector found a person
    image    (N, 33, 2) landmarks as fractions of the picture, x right, y down; NaN where nobody was found
    world    (N, 33, 3) m from the middle of the hips, x right, y down, z away
    visible  (N, 33) 0…1

`make blazepose` makes the environment; nothing else of the project runs there, and this file imports nothing
of the project.
"""

import sys
from pathlib import Path

import cv2
import numpy as np

LANDMARKS = 33


def detect(paths: list[Path]) -> dict[str, np.ndarray]:
    """The arrays of OUT; each picture is looked at for itself, by the model that the wheel ships."""
    from mediapipe.python.solutions.pose import Pose

    count = len(paths)
    arrays = {
        "found": np.zeros(count, bool),
        "image": np.full((count, LANDMARKS, 2), np.nan),
        "world": np.full((count, LANDMARKS, 3), np.nan),
        "visible": np.full((count, LANDMARKS), np.nan),
    }
    with Pose(static_image_mode=True, model_complexity=1) as pose:
        for row, path in enumerate(paths):
            result = pose.process(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
            if result.pose_landmarks is None:
                continue
            here, world = result.pose_landmarks.landmark, result.pose_world_landmarks.landmark
            arrays["found"][row] = True
            arrays["image"][row] = [(point.x, point.y) for point in here]
            arrays["world"][row] = [(point.x, point.y, point.z) for point in world]
            arrays["visible"][row] = [point.visibility for point in here]
    return arrays


if __name__ == "__main__":
    np.savez(sys.argv[2], **detect(sorted(Path(sys.argv[1]).glob("*.png"))))
