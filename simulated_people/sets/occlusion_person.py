"""Occlusion-Person, simulated: rooms, eight cameras, furniture that hides about a fifth of the joints.

Files: `unrealcv_train.pkl`, `unrealcv_validation.pkl` (lists of dicts) and
`images/aXX_saXX_sXX_sceXX/CC_FFFFFF.jpg` (action, sub-action, subject, scene / camera, frame). Lengths in mm;
x_cam = R · (x_world − T). `joints_vis` says inside the image, `joints_vis_2d` inside and not occluded:
occluded is what lies more than 30 cm behind the nearest surface. `scale` is the box's size / 200, without
padding. There is no head joint.

`clipping=True`: in half of the videos a forearm lies in the body, as limbs of the real set's figures pass
through arms and vests; off, no limb does.
"""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from hpe_study.skeletons import UNREALCV15
from hpe_study.utils.files import atomic
from simulated_people.body.kinematics import ANGLE_INDEX, clip_to_limits
from simulated_people.body.landmarks import rows_of
from simulated_people.ground_truth import GroundTruth, write_truth
from simulated_people.motion.poses import THEMES
from simulated_people.motion.self_collision import shared_self_collision
from simulated_people.motion.sequences import Clips, Motion
from simulated_people.people_sampling import (
    draw_seed,
    landmarks_of,
    sample_person,
    sample_subjects,
    subject_at,
)
from simulated_people.render_jobs import PlannedImage
from simulated_people.rendering.render import Shot
from simulated_people.scenes import camera
from simulated_people.scenes.placement import boxes_on_line
from simulated_people.scenes.places import make_scene
from simulated_people.spec import StandInSpec

FOLDERS = ("occlusion_person",)
OPTIONS = {"clipping": (False, True)}  # let limbs pass through the body, as some of the real set do
IMAGES_PER_ITEM = 8
OCCLUDED_BEHIND = 300.0  # mm
_FILES = {"train": "unrealcv_train.pkl", "test": "unrealcv_validation.pkl"}
SUBJECTS = {"train": range(1, 11), "test": range(11, 14)}  # 13 people, as in the real set

# The real set has nine rooms. Here there are more: with three of them in the test split, some pieces of
# furniture would decide how many joints are hidden in it.
ROOMS = {"train": range(33), "test": range(33, 49)}
CAMERAS = 8
_OCCLUDERS = 5  # pieces of furniture about the person

# Share of somebody's joints behind furniture; with what bodies hide, about a fifth, as in the real set.
_HIDDEN = (0.10, 0.17)
_DRAWS = 20  # of furniture, until it hides that
_FRAMES_PER_VIDEO = 4
_ACROSS = {"arm_lift": 34, "arm_turn": 120, "arm_twist": -75, "elbow": 99}  # degrees: a forearm in the belly
_FRAME = (1.8, 1.35)  # width and height of the image, in sides of a person's crop


def item_count(spec: StandInSpec, split: str) -> int:
    """How many moments the split has; each is seen by the eight cameras."""
    return -(-spec.count(split) // CAMERAS)


def plan_item(spec: StandInSpec, split: str, item: int) -> list[PlannedImage]:
    """One moment of one video, from eight sides; the last lacks cameras where fewer records are wanted."""
    video, frame = divmod(item, _FRAMES_PER_VIDEO)
    subject = SUBJECTS[split][video % len(SUBJECTS[split])]
    room = ROOMS[split][video % len(ROOMS[split])]
    action, subaction = 1 + video // len(ROOMS[split]) % 10, 1 + video // (10 * len(ROOMS[split]))
    moment = _motion(spec, split, video).at(frame)
    if spec.option("clipping", False):
        moment = replace(
            moment, angles=_laid_into_the_body(spec.rng(split, "clipping", video), moment.angles)
        )
    actor = subject_at(_subjects(spec, split)[str(subject)], moment, str(subject))
    name = f"a{action:02d}_sa{subaction:02d}_s{subject:02d}_sce{room:02d}"
    notes = {"video": video, "frame": frame, "action_id": action, "subaction": subaction}
    images = []
    for view in _rig(spec, room)[: spec.count(split) - item * CAMERAS]:
        noise = draw_seed(spec.rng(split, "noise", item, view.number))
        shot = Shot((actor,), view, _furnished(spec, split, room), noise, clipping=True)
        path = f"occlusion_person/images/{name}/{view.number:02d}_{frame:06d}.jpg"
        images.append(PlannedImage(path, shot, notes))
    return images


def _laid_into_the_body(rng, angles):
    """A pose (P,) in which, in half of the videos, a forearm lies across the body and partly in it."""
    if rng.random() < 0.5:
        return angles
    side, angles = rng.choice(["l", "r"]), angles.copy()
    for joint, angle in _ACROSS.items():
        angles[ANGLE_INDEX[f"{side}_{joint}"]] = rng.normal(angle, 8)
    return clip_to_limits(angles)


@lru_cache(maxsize=8)
def _motion(spec, split, video):
    return Motion(
        lambda *key: spec.rng(split, "video", video, *key),
        tuple(THEMES["occlusion"]),
        shared_self_collision(),
        Clips(frames=_FRAMES_PER_VIDEO),
    )


@lru_cache(maxsize=8)
def _subjects(spec, split):
    return sample_subjects(spec, split, [str(subject) for subject in SUBJECTS[split]])


@lru_cache(maxsize=32)
def _rig(spec, room):
    rng = spec.rng("rig", room)
    azimuths = 45 * np.arange(CAMERAS) + rng.uniform(-12, 12, CAMERAS)
    elevations, distances = rng.uniform(8, 32, CAMERAS), rng.uniform(3.6, 4.8, CAMERAS)
    image_size = tuple(round(share * spec.size) for share in _FRAME)
    directions = np.stack([azimuths, elevations, distances], 1)
    return camera.ring(directions, (0.0, 0.9, 0.0), spec.size, image_size)


@lru_cache(maxsize=32)
def _furnished(spec, split, room):
    """A room whose furniture hides a usual share of somebody in its middle, over the eight cameras."""
    rig = _rig(spec, room)
    somebody = sample_person(spec.rng(split, "room", room, "somebody"), split, "stand")
    joints = landmarks_of(somebody)[rows_of(UNREALCV15)]
    for draw in range(_DRAWS):
        seed = draw_seed(spec.rng(split, "room", room, draw))
        scene = make_scene("room", seed, cameras=rig, occluders=_OCCLUDERS)
        hidden = np.mean([boxes_on_line(scene, view, joint).any() for view in rig for joint in joints])
        if _HIDDEN[0] <= hidden <= _HIDDEN[1]:
            break
    return scene


def write(folder: Path, spec: StandInSpec, truths: Mapping[str, GroundTruth]) -> None:
    """Write the label files of both splits under `folder/occlusion_person`."""
    folder = folder / "occlusion_person"
    splits = {split: truth.people(truth.person == 0) for split, truth in truths.items()}
    for split, truth in splits.items():
        with atomic(folder / _FILES[split]) as part, open(part, "wb") as stream:
            pickle.dump(labels(truth), stream, protocol=4)
    write_truth(folder / "truth.h5", splits)


def labels(truth: GroundTruth) -> list[dict]:
    """The list of dicts that a pickle holds."""
    rows = rows_of(UNREALCV15)
    px, inside = truth.px[:, rows], truth.inside[:, rows]
    seen = inside & ~(truth.in_front[:, rows] > OCCLUDED_BEHIND)
    size = truth.of_image("size")
    box = np.concatenate([truth.box[:, :2].clip(0), np.minimum(truth.box[:, 2:], size - 1)], 1)
    entries = []
    images = [str(image).removeprefix("occlusion_person/images/") for image in truth.of_image("image")]
    for i, image in enumerate(images):
        fx, fy, cx, cy = truth.of_image("intrinsics")[i]
        entries.append(
            {
                "image": image,
                "joints_2d": px[i],
                "joints_3d": truth.camera[i, rows],
                "joints_gt": truth.world[i, rows],
                "joints_vis": inside[i, :, None].astype(float),
                "joints_vis_2d": seen[i, :, None].astype(float),
                "center": (box[i, :2] + box[i, 2:]) / 2,
                "scale": (box[i, 2:] - box[i, :2]) / 200,
                "box": box[i],
                "video_id": image.split("/")[0],
                "image_id": int(truth.note("frame")[i]),
                "subject": int(truth.subject[i]),
                "action": int(truth.note("action_id")[i]),
                "subaction": int(truth.note("subaction")[i]),
                "camera_id": int(truth.of_image("number")[i]),
                "camera": {
                    "R": truth.of_image("rotation")[i],
                    "T": truth.of_image("position")[i][:, None] * 1000,
                    "fx": float(fx),
                    "fy": float(fy),
                    "cx": float(cx),
                    "cy": float(cy),
                    "k": np.zeros((3, 1)),
                    "p": np.zeros((2, 1)),
                },
                "source": "unrealcv",
            }
        )
    return entries
