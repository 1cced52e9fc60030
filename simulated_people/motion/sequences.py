"""Movements: walking and running as cycles, everything else as eased gestures from pose to pose.

>>> angles = sequence(np.random.default_rng(0), "walk", Timing(50, fps=25), collision)   # (50, P) degrees
>>> places = ground_path("walk", angles, fps=25)                                         # (50, 2) m, x and z

`Motion` strings sequences together: clips of a few seconds, each depending only on its number, so that any
frame can be had without the ones before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulated_people.body.kinematics import ANGLE_INDEX, ANGLES, clip_to_limits, pose_vector
from simulated_people.motion.pose_parts import pose_arm, set_angles, standing, stride, weighted_choice
from simulated_people.motion.poses import draw_pose
from simulated_people.motion.self_collision import TOLERANCE, SelfCollision

CYCLES = {"walk": (0.80, 1.05), "run": (1.25, 1.55)}  # strides per second

# The arms and the head move, the rest stays where it is.
_STILL_LEGS = {"sit", "sit on floor", "kneel", "lie", "squat"}
_LEG = 0.87  # m

# Done and taken back.
_FROM_STANDING = {"kick", "throw", "jump", "lunge", "box", "swing club", "balance", "bend"}
_LOWER_BODY = [
    k
    for k, name in enumerate(ANGLES)
    if any(part in name for part in ("hip", "knee", "ankle", "pitch", "roll", "yaw"))
]
_CANDIDATES = 5  # sequences drawn, of which the one with the least self-collision is taken
_CLIP_FPS = 10  # of the movement itself, of which frames are taken
_CLIPS_KEPT = 2


class Timing(NamedTuple):
    """How long a sequence is, and how fine."""

    frames: int
    fps: float


def sequence(
    rng: np.random.Generator,
    action: str,
    timing: Timing,
    collision: SelfCollision | None = None,
    heading: float | None = None,
    turning: float | None = None,
) -> np.ndarray:
    """One person's movement.

    Args:
        rng: Decides on everything that is left open.
        action: Of `poses.ACTIONS`.
        timing: Frames F and frames per second.
        collision: With it, the sequence with the least self-collision of several draws is taken.
        heading: Yaw at the start, degrees (0 faces +z); None: random.
        turning: Degrees per second that a walker turns by (people walk in circles where there is little
            room); None: random.

    Returns:
        (F, P) angles, degrees.
    """
    frames, fps = timing
    heading = rng.uniform(0, 360) if heading is None else heading
    drawn = []
    for _ in range(_CANDIDATES if collision else 1):
        angles = _cycle(rng, action, timing, turning) if action in CYCLES else _gestures(rng, action, timing)
        angles = clip_to_limits(angles + _sway(rng, timing))
        angles[:, ANGLE_INDEX["yaw"]] += heading
        depth = collision.penetration(angles[:: max(1, int(fps / 10))]).max() if collision else 0.0
        drawn.append((depth, len(drawn), angles))
        if depth < TOLERANCE:
            break
    return min(drawn)[2]


def ground_path(action: str, angles: np.ndarray, fps: float) -> np.ndarray:
    """Where a sequence leads, about the origin; only walkers and runners leave their place.

    Args:
        action: Of `poses.ACTIONS`.
        angles: (F, P) degrees, from `sequence`.
        fps: Frames per second.

    Returns:
        (F, 2) m, world x and z of the pelvis.
    """
    steps = np.zeros((len(angles), 2))
    if action in CYCLES:
        yaw = np.deg2rad(angles[:, ANGLE_INDEX["yaw"]])
        speed = np.full(len(angles), _speed(action, angles, fps))
        steps = (speed / fps)[:, None] * np.stack([np.sin(yaw), np.cos(yaw)], 1)
    places = np.cumsum(steps, 0)
    return places - (places.min(0) + places.max(0)) / 2


def _speed(action, angles, fps):
    """Speed in m/s: a stride is two steps, each as long as the legs spread."""
    thighs = np.deg2rad(angles[:, [ANGLE_INDEX["l_hip"], ANGLE_INDEX["r_hip"]]])
    spread = np.abs(thighs[:, 0] - thighs[:, 1])
    crossings = (np.diff(np.sign(thighs[:, 0] - thighs[:, 1])) != 0).sum()
    steps_per_second = (
        crossings * fps / max(len(angles) - 1, 1) if crossings > 1 else 2 * np.mean(CYCLES[action])
    )
    flight = 1.25 if action == "run" else 1.0  # both feet of a runner leave the ground
    return 2 * _LEG * np.sin(np.quantile(spread, 0.95) / 2) * flight * steps_per_second


def _cycle(rng, action, timing, turning):
    """(F, P) degrees: walking or running."""
    running = action == "run"
    base = standing(rng, 0.6)
    base["pitch"] = rng.normal(10 if running else 3, 2.5)
    size, rate, start = rng.uniform(0.75, 1.15), rng.uniform(*CYCLES[action]), rng.uniform(0, 2 * np.pi)
    elbow = rng.normal(85, 12) if running else rng.uniform(8, 40)
    busy = {}
    if not running and rng.random() < 0.25:  # one arm does something else on the way
        side = rng.choice(["l", "r"])
        pose_arm(busy, side, rng, weighted_choice(rng, **{"at the head": 2, "busy in front": 2, "wave": 1}))
    turning = rng.uniform(-45, 45) if turning is None else turning
    angles = np.empty((timing.frames, len(ANGLES)), np.float32)
    for frame in range(timing.frames):
        phase = start + 2 * np.pi * rate * frame / timing.fps
        pose = dict(base)
        stride(pose, phase, size, running)
        for k, angle in (("l", phase), ("r", phase + np.pi)):
            set_angles(pose, k, elbow=elbow + 12 * np.sin(angle + np.pi) * size, arm_twist=8)
        angles[frame] = pose_vector(pose | busy | {"yaw": turning * frame / timing.fps})
    return angles


def _gestures(rng, action, timing):
    """(F, P) degrees: poses of the action 0.6 to 1.5 s apart, with an eased way from each to the next."""
    first = draw_pose(rng, action).angles
    times, keys = [0.0], [first]
    ready = pose_vector(standing(rng, 0.7)) if action in _FROM_STANDING else None
    while times[-1] < timing.frames / timing.fps:
        if ready is not None and len(keys) % 2:
            key = ready
        else:
            key = draw_pose(rng, action).angles
            if action in _STILL_LEGS:
                key[_LOWER_BODY] = first[_LOWER_BODY]
            elif action == "stand":
                key[_LOWER_BODY] = 0.6 * first[_LOWER_BODY] + 0.4 * key[_LOWER_BODY]
        keys.append(key)
        times.append(times[-1] + rng.uniform(0.6, 1.5))
    keys, times = np.stack(keys), np.array(times)
    keys[:, ANGLE_INDEX["yaw"]] = rng.normal(0, 12, len(keys)) if action not in _STILL_LEGS else 0
    now = np.arange(timing.frames) / timing.fps
    before = np.clip(np.searchsorted(times, now, "right") - 1, 0, len(times) - 2)
    share = ((now - times[before]) / (times[before + 1] - times[before]))[:, None]
    return keys[before] + (keys[before + 1] - keys[before]) * share**3 * (10 - 15 * share + 6 * share**2)


def _sway(rng, timing):
    """(F, P) degrees: nobody is ever quite still."""
    time = np.arange(timing.frames)[:, None] / timing.fps
    rates, phases = rng.uniform(0.15, 0.6, (2, len(ANGLES))), rng.uniform(0, 2 * np.pi, (2, len(ANGLES)))
    size = rng.uniform(0.2, 0.9, len(ANGLES))
    return size * sum(
        np.sin(2 * np.pi * rate * time + phase) for rate, phase in zip(rates, phases, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Moment:
    """A person at one time."""

    angles: np.ndarray  # (P,) degrees
    position: tuple  # m, world x and z of the pelvis
    action: str


@dataclass(frozen=True)
class Clips:
    """The clips that a movement consists of."""

    every: int = 6  # tenths of a second between frames
    frames: int = 5  # of a clip
    reach: float = 0.2  # m from (0, 0) at which a clip takes place, at most
    heading: float | None = None  # degrees; None: random
    # degrees per second that walkers turn by, to either side: at 100 they walk in circles of 0.8 m radius
    turning: float = 100


class Motion:
    """One person's movement: clips one after the other, each depending only on its number."""

    def __init__(
        self,
        rng: Callable[..., np.random.Generator],
        actions: Sequence[str],
        collision: SelfCollision | None,
        clips: Clips = Clips(),
    ) -> None:
        """A movement.

        Args:
            rng: Gives the generator of a key, as `StandInSpec.rng` does.
            actions: Of `poses.ACTIONS`; each clip is of one of them.
            collision: See `sequence`.
            clips: How long the clips are, and where they take place.
        """
        self._rng, self._actions, self._collision, self._clips = rng, actions, collision, clips
        self._kept = {}

    def at(self, frame: int) -> Moment:
        """The person at a frame, counted from 0."""
        number, row = divmod(frame, self._clips.frames)
        action, angles, path = self._clip(number)
        return Moment(angles[row], tuple(path[row]), action)

    def _clip(self, number):
        """(action, angles (F, P), positions (F, 2)) of one clip."""
        if number not in self._kept:
            clips, rng = self._clips, self._rng("clip", number)
            action = self._actions[rng.integers(len(self._actions))]
            turning = rng.choice([-1, 1]) * clips.turning
            about = rng.uniform(-clips.reach, clips.reach, 2)
            timing = Timing(clips.frames * clips.every, _CLIP_FPS)
            angles = sequence(rng, action, timing, self._collision, clips.heading, turning)
            path = about + ground_path(action, angles, _CLIP_FPS)
            while len(self._kept) >= _CLIPS_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = action, angles[:: clips.every], path[:: clips.every]
        return self._kept[number]
