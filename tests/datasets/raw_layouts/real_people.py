"""What real people are scored on: Pose2Sim's demo and SPIN's fits."""

import cv2
import numpy as np

BODY_25B = [
    "RHip",
    "RKnee",
    "RAnkle",
    "RBigToe",
    "RSmallToe",
    "RHeel",
    "LHip",
    "LKnee",
    "LAnkle",
    "LBigToe",
    "LSmallToe",
    "LHeel",
    "Neck",
    "Head",
    "Nose",
    "RShoulder",
    "RElbow",
    "RWrist",
    "LShoulder",
    "LElbow",
    "LWrist",
]
FITTED = [
    "r_ankle",
    "r_knee",
    "r_hip",
    "l_hip",
    "l_knee",
    "l_ankle",
    "r_wrist",
    "r_elbow",
    "r_shoulder",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "neck",
]
_CAMERA = """[{name}]
size = [ 640.0, 480.0]
matrix = [ [ 500.0, 0.0, 320.0], [ 0.0, 500.0, 240.0], [ 0.0, 0.0, 1.0]]
distortions = [ 0.0, 0.0, 0.0, 0.0]
rotation = [ 0.0, 0.0, 0.0]
translation = [ 0.0, 0.0, 4.0]
fisheye = false
"""


def pose2sim(root, moments=3):
    """A made-up set of two cameras that see the same; joints (moments, 21, 3) m in the calibration's world."""
    folder = root / "pose2sim"
    (folder / "videos").mkdir(parents=True)
    (folder / "Calib_made_up.toml").write_text("\n".join(_CAMERA.format(name=f"cam_0{i}") for i in (1, 2)))
    world = np.random.default_rng(0).uniform(-0.8, 0.8, (moments, 21, 3))
    heads = ["Frame#", "Time", *(text for name in BODY_25B for text in (name, "", ""))]
    lines = [
        "PathFileType\t4\t(X/Y/Z)\tmade_up.trc",
        "DataRate\tUnits",
        "60\tm",
        "\t".join(heads),
        "\t\tX1",
        *(
            "\t".join([str(i + 1), str(i / 60), *map(repr, pose[:, [1, 2, 0]].ravel().tolist())])
            for i, pose in enumerate(world)
        ),
    ]
    (folder / "made_up.trc").write_text("\n".join(lines) + "\n")
    for i in (1, 2):
        video = cv2.VideoWriter(
            str(folder / "videos" / f"cam0{i}.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 60, (640, 480)
        )
        for moment in range(moments):
            video.write(np.full((480, 640, 3), 40 * i + 60 * moment, np.uint8))
        video.release()
    return world


def spin_fits(root, count, name="lsp_train_pseudo3d.npz", **changes):
    """A table of `count` made-up fits, (count, 13, 3) m; the second is not good."""
    joints = np.random.default_rng(0).uniform(-0.8, 0.8, (count, 13, 3)).astype(np.float32)
    arrays = {"index0": np.arange(count), "names": np.array(FITTED), "X_spin": joints}
    arrays |= {"good": np.arange(count) != 1, "image": np.array(["x.jpg"] * count), **changes}
    (root / "spin_fits").mkdir(exist_ok=True)
    np.savez(root / "spin_fits" / name, **{key: value for key, value in arrays.items() if value is not None})
    return joints
