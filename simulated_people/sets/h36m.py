"""Human3.6M, simulated: one laboratory, four fixed synchronous cameras, seven people, 15 actions.

`layout="challenge"` (the ECCV 2018 challenge): `ECCV18_Challenge/{Train,Val}/{IMG,POSE}` and the label caches
under `msra_cache/`. The numbered images are single frames in no order of time. CSV: 17 × 3 mm, camera frame,
root-relative. In the cache, `joints_3d` is [u, v, depth in px]; here u, v are the joints' true projections,
where the real cache has a similarity fit to a detector's output; `s`, `rot`, `t` are the fit of the pose's x,
y to them, and depth is s · z.

`layout="full"` (as h36m-fetch writes it): `S1/Directions-1/annot.h5` with `pose/2d` (F, 32, 2) px, `pose/3d`
(F, 32, 3) mm in the camera frame, `pose/3d-univ` (the same: there is no other body here), `frame` from 1 in
fifths, `camera`, `subject`, `action`, `subaction` (F,) and `intrinsics/<camera>` = [fx, cx, fy, cy], the
cameras one after the other; images `S1/Directions-1/imageSequence/<camera>/img_%06d.jpg`.

Train: S1, S5, S6, S7, S8; test: S9, S11. The room is the same for both, as it is in the real set.
"""

import pickle
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import h5py
import numpy as np

from hpe_study.skeletons import H36M17
from hpe_study.utils.files import atomic
from simulated_people.body.landmarks import LANDMARK_INDEX, rows_of
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Motion
from simulated_people.people_sampling import draw_seed, sample_subjects, subject_at
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import add_seats
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("h36m",)
OPTIONS = {"layout": ("challenge", "full")}
IMAGES_PER_ITEM = 4
SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}

# The 15 actions in the order of the real set's numbers (2 … 16), each with what its people do.
ACTIONS = {
    "Directions": ("stand", "stand", "walk"),
    "Discussion": ("stand", "walk"),
    "Eating": ("sit",),
    "Greeting": ("stand", "bend"),
    "Phoning": ("stand", "walk", "sit"),
    "Posing": ("stand", "dance", "lunge"),
    "Purchases": ("bend", "stand", "squat", "kneel"),
    "Sitting": ("sit",),
    "SittingDown": ("sit on floor", "sit on floor", "sit", "kneel"),
    "Smoking": ("sit", "stand"),
    "Photo": ("stand", "bend", "squat", "kneel"),
    "Waiting": ("stand", "sit", "walk"),
    "Walking": ("walk",),
    "WalkDog": ("walk", "walk", "bend"),
    "WalkTogether": ("walk",),
}
CAMERAS = (54138969, 55011271, 58860488, 60457274)
_FIELD = 1.55  # side of the image, in sides of a person's crop
_PARTS = {"train": "Train", "test": "Val"}
_PATCH = (288, 384)  # px, the network input that the cache's boxes are shaped for
_FRAMES_APART = 5  # numbers of neighbouring frames in the full layout

# The 32 joints of the full layout; the set repeats some.
_JOINTS_32 = [
    *("pelvis", "r_hip", "r_knee", "r_ankle", "r_foot", "r_toe"),
    *("l_hip", "l_knee", "l_ankle", "l_foot", "l_toe"),
    *("pelvis", "h36m.spine", "h36m.thorax", "h36m.nose", "head_top"),
    *("h36m.thorax", "l_shoulder", "l_elbow", "l_wrist", "l_wrist", "l_thumb", "l_hand", "l_hand"),
    *("h36m.thorax", "r_shoulder", "r_elbow", "r_wrist", "r_wrist", "r_thumb", "r_hand", "r_hand"),
]

# Facts of the cache: 17 joints and the mid-shoulder (17).
_FLIP_PAIRS = np.array([(1, 4), (2, 5), (3, 6), (14, 11), (15, 12), (16, 13)])
_PARENTS = np.array([0, 0, 1, 2, 0, 4, 5, 0, 17, 17, 8, 17, 11, 12, 17, 14, 15, 0])


def item_count(spec: StandInSpec, split: str) -> int:
    """How many moments the split has; each is seen by the four cameras."""
    return -(-spec.count(split) // len(CAMERAS))


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """One moment of one sequence, from four sides; the last lacks cameras where fewer records are wanted."""
    subject, action, frame = _moment(split, item)
    moment = _motion(spec, split, subject, action).at(frame)
    actor = subject_at(_subjects(spec, split)[subject], moment, subject)
    scene = add_seats(_laboratory(spec, split, subject), [actor])
    wanted = spec.count(split) - item * len(CAMERAS)
    names = spec.rng(split, "names").permutation(spec.count(split))[item * len(CAMERAS) :]
    images = []
    for view, name in zip(_rig(spec, subject)[:wanted], names, strict=False):
        if _is_full(spec):
            path = f"{subject}/{action}-1/imageSequence/{view.number}/img_{_FRAMES_APART * frame + 1:06d}.jpg"
        else:
            path = f"ECCV18_Challenge/{_PARTS[split]}/IMG/{name + 1:05d}.jpg"
        noise = draw_seed(spec.rng(split, "noise", item, CAMERAS.index(view.number)))
        notes = {"action": action, "frame": frame, "camera": view.number}
        images.append(PlannedImage(f"h36m/{path}", Shot((actor,), view, scene, noise), notes))
    return images


def _is_full(spec):
    return spec.option("layout", "challenge") == "full"


def _moment(split, item):
    """Subject, action and frame of an item; sequences grow together, so that a small set has some of each."""
    sequences = [(subject, action) for action in ACTIONS for subject in SUBJECTS[split]]
    return *sequences[item % len(sequences)], item // len(sequences)


@lru_cache(maxsize=8)
def _subjects(spec, split):
    return sample_subjects(spec, split, SUBJECTS[split], h36m_sized=True)


@lru_cache(maxsize=128)
def _motion(spec, split, subject, action):
    return Motion(
        lambda *key: spec.rng(split, subject, action, *key), ACTIONS[action], shared_self_collision()
    )


@lru_cache(maxsize=32)
def _rig(spec, subject):
    """The four cameras, moved by a few centimetres between subjects, as a laboratory is set up anew."""
    side = round(_FIELD * spec.size)
    rng = spec.rng("rig", subject)
    cameras = camera.laboratory_rig(spec.size, side)
    shifted = [
        (view.position + rng.normal(0, 0.04, 3), np.array([0, 0.95, 0]) + rng.normal(0, 0.03, 3))
        for view in cameras
    ]
    return [
        camera.pinhole(position, target, view.fx, (side, side), number=number)
        for view, (position, target), number in zip(cameras, shifted, CAMERAS, strict=True)
    ]


@lru_cache(maxsize=32)
def _laboratory(spec, split, subject):
    return make_scene("laboratory", draw_seed(spec.rng(split, "place")), cameras=_rig(spec, subject))


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/h36m`, in the layout that the spec asks for."""
    splits = {split: truth.people(_order(truth)) for split, truth in truths.items()}
    for split, truth in splits.items():
        if _is_full(spec):
            _write_full(folder / "h36m", truth)
        else:
            _write_challenge(folder / "h36m", _PARTS[split], truth)
    write_truth(folder / "h36m" / "truth.h5", splits)


def _order(truth):
    """By image number in the challenge's layout; by subject, then sequence and camera in the full one."""
    full = [str(image).count("imageSequence") for image in truth.of_image("image")]
    number = [int(subject[1:]) for subject in truth.subject]
    return np.lexsort((truth.of_image("image"), np.multiply(full, number)))


def _write_full(folder, truth):
    rows = [LANDMARK_INDEX[name] for name in _JOINTS_32]
    names = truth.note("action")
    for subject, action in sorted({*zip(map(str, truth.subject), map(str, names), strict=True)}):
        people = truth.people((truth.subject == subject) & (names == action))
        labels = {
            "pose/2d": people.px[:, rows],
            "pose/3d": people.camera[:, rows],
            "pose/3d-univ": people.camera[:, rows],
            "frame": _FRAMES_APART * people.note("frame") + 1,
            "camera": people.note("camera"),
            "subject": np.full(len(people), int(subject[1:])),
            "action": np.full(len(people), 2 + list(ACTIONS).index(action)),
            "subaction": np.ones(len(people), int),
        }
        for number, (fx, fy, cx, cy) in zip(
            people.note("camera"), people.of_image("intrinsics"), strict=True
        ):
            labels[f"intrinsics/{number}"] = np.array([fx, cx, fy, cy])
        with atomic(folder / subject / f"{action}-1" / "annot.h5") as part, h5py.File(part, "w") as store:
            for key, value in labels.items():
                store[key] = value


def _write_challenge(folder, part_name, truth):
    joints = truth.camera[:, rows_of(H36M17)]
    relative = joints - joints[:, :1]
    poses = folder / "ECCV18_Challenge" / part_name / "POSE"
    poses.mkdir(parents=True, exist_ok=True)
    for image, pose in zip(truth.of_image("image"), relative, strict=True):
        np.savetxt(poses / f"{image.rsplit('/', 1)[-1][:-4]}.csv", pose, fmt="%.6f", delimiter=",")
    name = f"HM36_eccv_challenge_{part_name}"
    cache = (
        folder / "msra_cache" / f"{name}_cache" / f"{name}_w{_PATCH[0]}xh{_PATCH[1]}_keypoint_jnt_bbox_db.pkl"
    )
    with atomic(cache) as part, open(part, "wb") as stream:
        pickle.dump(cache_entries(truth, joints), stream, protocol=4)


def cache_entries(truth: GroundTruth, joints: np.ndarray) -> list[dict]:
    """The list of dicts of the cache pickle; joints: (P, 17, 3) mm, camera frame."""
    shoulders = joints[:, H36M17.indices("l_shoulder r_shoulder")].mean(1, keepdims=True)
    joints = np.concatenate([joints, shoulders], 1)
    relative = joints - joints[:, :1]
    px = truth.project(joints)
    scale, rotation, shift = similarity(relative[..., :2], px)
    low, high = px.min(1), px.max(1)
    center = (low + high) / 2
    aspect = _PATCH[0] / _PATCH[1]
    height = np.maximum(high[:, 1] - low[:, 1], (high[:, 0] - low[:, 0]) / aspect) * 1.25
    bones = np.linalg.norm(relative - relative[:, _PARENTS], axis=-1).sum(1)
    return [
        {
            "image": image.removeprefix("h36m/"),
            "flip_pairs": _FLIP_PAIRS,
            "parent_ids": _PARENTS,
            "joints_3d": np.concatenate([px[i], scale[i] * relative[i, :, 2:]], 1),
            "joints_3d_vis": np.ones((18, 3)),
            "joints_3d_relative": relative[i],
            "bone_len": float(bones[i]),
            "center_x": float(center[i, 0]),
            "center_y": float(center[i, 1]),
            "width": float(height[i] * aspect),
            "height": float(height[i]),
            "s": float(scale[i]),
            "rot": rotation[i],
            "t": shift[i],
        }
        for i, image in enumerate(map(str, truth.of_image("image")))
    ]


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least-squares similarities in the plane, without reflections: target ≈ s · source @ rotation + shift.

    Umeyama, PAMI 1991.

    Args:
        source: (N, J, 2).
        target: (N, J, 2).

    Returns:
        Scale (N,), rotation (N, 2, 2) and shift (N, 2).
    """
    means = source.mean(1, keepdims=True), target.mean(1, keepdims=True)
    a, b = source - means[0], target - means[1]
    u, spread, vt = np.linalg.svd(np.swapaxes(a, 1, 2) @ b)
    sign = np.stack([np.ones(len(a)), np.sign(np.linalg.det(u @ vt))], 1)
    rotation = (u * sign[:, None]) @ vt
    scale = (spread * sign).sum(1) / (a**2).sum((1, 2))
    shift = means[1][:, 0] - scale[:, None] * (means[0] @ rotation)[:, 0]
    return scale, rotation, shift
