"""The 3D sets."""

import h5py
import numpy as np

from tests.datasets.raw_layouts.files import numbers, picture, save_mat, save_pickle


def h36m_challenge(root, part="Val", count=4, order=None, write_poses=True):
    """The challenge's images and CSV files, and the cache in the given order. Returns (px, mm) in the order
    of the images' numbers."""
    px, mm = numbers(count, 18, 3, seed=3), numbers(count, 18, 3, low=-500, high=500, seed=4)
    mm[:, 0] = 0
    challenge = root / "h36m" / "ECCV18_Challenge" / part
    rows = []
    for i in range(count):
        picture(challenge / "IMG" / f"{i + 1:05d}.jpg")
        if write_poses:
            (challenge / "POSE").mkdir(exist_ok=True)
            np.savetxt(challenge / "POSE" / f"{i + 1:05d}.csv", mm[i, :17], delimiter=",")
        rows.append(
            {
                "image": f"../../data/hm36_eccv_challenge/{part}/IMG/{i + 1:05d}.jpg",
                "joints_3d": px[i],
                "joints_3d_vis": np.ones((18, 3)),
                "joints_3d_relative": mm[i],
                "bone_len": 4000.0,
                "center_x": 20.0 + i,
                "center_y": np.float64(22.0),
                "width": 27.0,
                "height": 36.0,
                "s": np.float64(0.04),
                "rot": np.eye(2),
                "t": np.zeros(2),
                "flip_pairs": np.zeros((6, 2), int),
                "parent_ids": np.zeros(18, int),
            }
        )
    save_pickle(cache_path(root, part), [rows[i] for i in order or range(count)])
    return px[:, :17, :2], mm[:, :17]


def cache_path(root, part="Val"):
    """Where the challenge's label cache lies."""
    name = f"HM36_eccv_challenge_{part}"
    return root / "h36m" / "msra_cache" / f"{name}_cache" / f"{name}_w288xh384_keypoint_jnt_bbox_db.pkl"


COMMON_17 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def h36m_full(root, subject="S9", sequence="Walking-1", frames=(1, 65, 129)):
    """A sequence as h36m-fetch writes it: two cameras one after the other, 32 joints. Returns (px, mm) of the
    17 common joints."""
    cameras = (54138969, 60457274)
    count = len(frames) * len(cameras)
    px, mm = numbers(count, 32, 2, seed=5), numbers(count, 32, 3, low=-500, high=5000, seed=6)
    folder = root / "h36m" / subject / sequence
    folder.mkdir(parents=True)
    with h5py.File(folder / "annot.h5", "w") as file:
        file["pose/2d"], file["pose/3d"], file["pose/3d-univ"] = px, mm, 1.1 * mm
        file["frame"] = np.tile(frames, len(cameras))
        file["camera"] = np.repeat(cameras, len(frames))
        for key, value in (("subject", int(subject[1:])), ("action", 13), ("subaction", 1)):
            file[key] = np.full(count, value)
        for i, camera in enumerate(cameras):
            file[f"intrinsics/{camera}"] = np.array([1145.0 + i, 512.0, 1144.0 + i, 515.0])
    for camera in cameras:
        for frame in frames:
            picture(folder / "imageSequence" / str(camera) / f"img_{frame:06d}.jpg")
    return px[:, COMMON_17], mm[:, COMMON_17]


def mpi_inf_3dhp_train(root, name="S1/Seq1", frames=6, cameras=(0, 1, 2, 4, 5, 6, 7, 8)):
    """A training sequence of 14 cameras, images of some. Returns {key: (14, F, 28, 2 | 3)}."""
    arrays = {"annot2": 2, "annot3": 3, "univ_annot3": 3}
    arrays = {key: numbers(14, frames, 28, axes, seed=7 + i) for i, (key, axes) in enumerate(arrays.items())}
    cells = {}
    for key, values in arrays.items():
        cells[key] = np.empty((14, 1), object)
        for camera in range(14):
            cells[key][camera, 0] = values[camera].reshape(frames, -1)
    folder = root / "mpi_inf_3dhp" / name
    save_mat(folder / "annot.mat", cameras=np.arange(14)[None], frames=np.arange(frames)[:, None], **cells)
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera in range(14):
        intrinsic = f"{1500 + camera} 0 1024.7 0 0 {1501 + camera} 1051.4 0 0 0 1 0 0 0 0 1"
        lines += [
            f"name          {camera}",
            "  sensor      10 10 ",
            "  size        64 48 ",
            "  animated    0 ",
            f"  intrinsic   {intrinsic} ",
            "  extrinsic   1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1 ",
            "  radial      0 ",
        ]
    (folder / "camera.calibration").write_text("\n".join(lines) + "\n")
    for camera in cameras:
        for frame in range(frames):
            picture(folder / "imageSequence" / f"video_{camera}" / f"frame_{frame + 1:06d}.jpg")
    return arrays


def mpi_inf_3dhp_test(root, name="TS1", valid=(1, 0, 1, 1)):
    """A test sequence; annot2 is the projection of annot3 by fx 100, fy 110, cx 30, cy 20. Returns {key: (F,
    17, 2 | 3)}."""
    count = len(valid)
    annot3 = numbers(count, 17, 3, low=-400, high=400, seed=11) + [0, 0, 4000]
    annot2 = annot3[..., :2] / annot3[..., 2:] * [100, 110] + [30, 20]
    arrays = {"annot2": annot2, "annot3": annot3, "univ_annot3": 1.1 * annot3}
    folder = root / "mpi_inf_3dhp" / "mpi_inf_3dhp_test_set" / name
    folder.mkdir(parents=True)
    with h5py.File(folder / "annot_data.mat", "w", userblock_size=512) as file:
        for key, values in arrays.items():
            file[key] = values[:, None]
        file["valid_frame"], file["activity_annotation"] = (
            np.array(valid, float)[:, None],
            np.full((count, 1), 3.0),
        )
    for i in range(count):
        picture(folder / "imageSequence" / f"img_{i + 1:06d}.jpg")
    return arrays


def occlusion_person(root, name="unrealcv_validation.pkl", count=4, unit=1.0):
    """Joints 5 is outside the image and joint 9 occluded in everybody; lengths in mm / unit."""
    px, mm = numbers(count, 15, 2, seed=12), numbers(count, 15, 3, low=-300, high=300, seed=13) + [0, 0, 3000]
    for hip, knee in ((1, 2), (4, 5)):
        mm[:, knee] = mm[:, hip] + [0, 400, 0]
    rows = []
    for i in range(count):
        inside, seen = np.ones((15, 1)), np.ones((15, 1))
        inside[5] = seen[5] = seen[9] = 0
        image = f"a05_sa01_s14_sce00/{i:02d}_000007.jpg"
        picture(root / "occlusion_person" / "images" / image)
        rows.append(
            {
                "image": image,
                "joints_2d": px[i],
                "joints_3d": mm[i] / unit,
                "joints_gt": mm[i] / unit,
                "joints_vis": inside,
                "joints_vis_2d": seen,
                "center": np.array([30.0, 20.0]),
                "scale": np.array([0.1, 0.2]),
                "box": np.array([20.0, 0.0, 40.0, 40.0]),
                "video_id": "a05_sa01_s14_sce00",
                "image_id": 7,
                "subject": 14,
                "action": 5,
                "subaction": 1,
                "camera_id": i,
                "camera": {
                    "name": f"{i:02d}",
                    "R": np.eye(3),
                    "T": np.zeros((3, 1)),
                    "fx": 50.0,
                    "fy": 51.0,
                    "cx": 32.0,
                    "cy": 24.0,
                    "k": np.zeros((3, 1)),
                    "p": np.zeros((2, 1)),
                },
                "source": "unrealcv",
            }
        )
    save_pickle(root / "occlusion_person" / name, rows)
    return px, mm


def threedpw(root, split="test", sequence="downtown_walk_00", frames=4, key="poses2d"):
    """Two people; person 1 is not in frame 2 (2D all zero) and has no valid camera pose in frame 3. Returns
    world joints in m."""
    world = numbers(2, frames, 24, 3, low=-1, high=1, seed=14)
    camera = np.tile(np.eye(4), (frames, 1, 1))
    camera[:, :3, :3] = [[1, 0, 0], [0, -1, 0], [0, 0, -1]]  # a world with y up
    camera[:, :3, 3] = [0.1, 0.2, 5.0]
    poses2d = np.ones((2, frames, 3, 18))
    poses2d[1, 2] = 0
    valid = np.ones((2, frames), int)
    valid[1, 3] = 0
    data = {
        "sequence": sequence,
        "poses": [np.zeros((frames, 72))] * 2,
        "trans": [np.zeros((frames, 3))] * 2,
        "betas": [np.zeros(10)] * 2,
        "genders": ["m", "f"],
        key: list(poses2d),
        "jointPositions": list(world.reshape(2, frames, 72)),
        "cam_poses": camera,
        "campose_valid": list(valid),
        "cam_intrinsics": np.array([[60.0, 0, 32], [0, 61.0, 24], [0, 0, 1]]),
        "img_frame_ids": np.arange(frames),
    }
    save_pickle(root / "3dpw" / "sequenceFiles" / split / f"{sequence}.pkl", data)
    for i in range(frames):
        picture(root / "3dpw" / "imageFiles" / sequence / f"image_{i:05d}.jpg")
    return world
