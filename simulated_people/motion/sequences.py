"""Movements: walking and running as cycles, everything else as eased gestures from pose to pose.

>>> angles = sequence(np.random.default_rng(0), "walk", Timing(50, fps=25), collision)   # (50, P) degrees
>>> places = ground_path("walk", angles, fps=25)                                         # (50, 2) m, x and z

`Motion` strings sequences together: clips of a few seconds, each depending only on its number, so that any
frame can be had without the ones before it.
"""

from dataclasses import dataclass

import numpy as np

from simulated_people.body.kinematics import ANGLE_INDEX, ANGLES, clip_to_limits, pose_vector
from simulated_people.motion.poses import draw_pose
from simulated_people.motion.self_collision import TOLERANCE
from simulated_people.motion.templates_upright import pose_arm, set_angles, standing, stride, weighted_choice

CYCLES = {"walk": (0.80, 1.05), "run": (1.25, 1.55)}  # strides a second


_LEG = 0.87  # m


_KEPT_LEGS = {
    "sit",
    "sit on floor",
    "kneel",
    "lie",
    "squat",
}  # the arms and the head move, the rest stays where it is


_FROM_STANDING = {
    "kick",
    "throw",
    "jump",
    "lunge",
    "box",
    "swing club",
    "balance",
    "bend",
}  # done and taken back


_BELOW = [
    k
    for k, name in enumerate(ANGLES)
    if any(part in name for part in ("hip", "knee", "ankle", "pitch", "roll", "yaw"))
]


_CANDIDATES = 5


def sequence(rng, action, frames, fps, collision=None, heading=None, turning=None):
    """(F, P) degrees: one person at `action` (a name of `poses.ACTIONS`), smoothly.

    contacts: with it the freest of several draws is taken, so that no limb passes through the body. heading:
    yaw at the start in degrees, random where None. turning: degrees a second that a walker turns by (people
    walk in circles where there is little room); random where None.
    """
    heading = rng.uniform(0, 360) if heading is None else heading
    drawn = []
    for _ in range(_CANDIDATES if collision else 1):
        if action in CYCLES:
            angles = _cycle(rng, action, frames, fps, turning)
        else:
            angles = _gestures(rng, action, frames, fps)
        angles = clip_to_limits(angles + _sway(rng, frames, fps))
        angles[:, ANGLE_INDEX["yaw"]] += heading
        depth = collision.penetration(angles[:: max(1, int(fps / 10))]).max() if collision else 0.0
        drawn.append((depth, len(drawn), angles))
        if depth < TOLERANCE:
            break
    return min(drawn)[2]


def ground_path(action, angles, fps):
    """(F, 2) m: where a sequence leads (x, z of the pelvis), about the origin. Only walkers and runners leave
    their place.

    angles: (F, P) from `sequence`.
    """
    steps = np.zeros((len(angles), 2))
    if action in CYCLES:
        yaw = np.deg2rad(angles[:, ANGLE_INDEX["yaw"]])
        steps = (speed(action, angles, fps) / fps)[:, None] * np.stack([np.sin(yaw), np.cos(yaw)], 1)
    places = np.cumsum(steps, 0)
    return places - (places.min(0) + places.max(0)) / 2


def speed(action, angles, fps):
    """(F,) m/s: a stride is two steps, each as long as the legs spread."""
    thighs = np.deg2rad(angles[:, [ANGLE_INDEX["l_hip"], ANGLE_INDEX["r_hip"]]])
    spread = np.abs(thighs[:, 0] - thighs[:, 1])
    crossings = (np.diff(np.sign(thighs[:, 0] - thighs[:, 1])) != 0).sum()
    steps_a_second = (
        crossings * fps / max(len(angles) - 1, 1) if crossings > 1 else 2 * np.mean(CYCLES[action])
    )
    length = (
        2 * _LEG * np.sin(np.quantile(spread, 0.95) / 2) * (1.25 if action == "run" else 1.0)
    )  # runners fly
    return np.full(len(angles), length * steps_a_second)


def _cycle(rng, action, frames, fps, turning):
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
    angles = np.empty((frames, len(ANGLES)), np.float32)
    for frame in range(frames):
        phase = start + 2 * np.pi * rate * frame / fps
        pose = dict(base)
        stride(pose, phase, size, running)
        for k, angle in (("l", phase), ("r", phase + np.pi)):
            set_angles(pose, k, elbow=elbow + 12 * np.sin(angle + np.pi) * size, arm_twist=8)
        angles[frame] = pose_vector(pose | busy | {"yaw": turning * frame / fps})
    return angles


def _gestures(rng, action, frames, fps):
    """Poses of the action half a second to one and a half apart, with an eased way from each to the next."""
    first = draw_pose(rng, action).angles
    times, keys = [0.0], [first]
    ready = pose_vector(standing(rng, 0.7)) if action in _FROM_STANDING else None
    while times[-1] < frames / fps:
        if ready is not None and len(keys) % 2:
            key = ready
        else:
            key = draw_pose(rng, action).angles
            if action in _KEPT_LEGS:
                key[_BELOW] = first[_BELOW]
            elif action == "stand":
                key[_BELOW] = 0.6 * first[_BELOW] + 0.4 * key[_BELOW]
        keys.append(key)
        times.append(times[-1] + rng.uniform(0.6, 1.5))
    keys, times = np.stack(keys), np.array(times)
    keys[:, ANGLE_INDEX["yaw"]] = rng.normal(0, 12, len(keys)) if action not in _KEPT_LEGS else 0
    now = np.arange(frames) / fps
    before = np.clip(np.searchsorted(times, now, "right") - 1, 0, len(times) - 2)
    share = ((now - times[before]) / (times[before + 1] - times[before]))[:, None]
    return keys[before] + (keys[before + 1] - keys[before]) * share**3 * (10 - 15 * share + 6 * share**2)


def _sway(rng, frames, fps):
    """(F, P) degrees: nobody is ever quite still."""
    time = np.arange(frames)[:, None] / fps
    rates, phases = rng.uniform(0.15, 0.6, (2, len(ANGLES))), rng.uniform(0, 2 * np.pi, (2, len(ANGLES)))
    size = rng.uniform(0.2, 0.9, len(ANGLES))
    return size * sum(
        np.sin(2 * np.pi * rate * time + phase) for rate, phase in zip(rates, phases, strict=True)
    )


_CLIP_FPS = 10  # of the movement itself, of which frames are taken


_CLIPS_KEPT = 2  # clips


@dataclass(frozen=True, eq=False)
class Moment:
    """How somebody is at one time: angles (P,) in degrees, place in m (world x and z), and what they do."""

    angles: np.ndarray
    position: tuple
    action: str


class Motion:
    """One person's movement.

    random(*key) gives a generator; actions: names of `poses.ACTIONS`, one of them for each clip; contacts:
    `contact.Contacts` or None.
    every: tenths of a second between frames; frames: of a clip. reach: m, how far off (0, 0) a clip takes
    place. heading: degrees, random where None. turning: degrees a second that walkers turn by, to either
    side: the larger the smaller their circle (at 100 its radius is about 0.8 m).
    """

    def __init__(self, rng, actions, collision, every=6, frames=5, reach=0.2, heading=None, turning=100):
        self._random, self._actions, self._contacts = rng, actions, collision
        self._every, self._frames, self._reach, self._heading, self._turning = (
            every,
            frames,
            reach,
            heading,
            turning,
        )
        self._clips = {}

    def at(self, frame):
        """The `Moment` of a frame, counted from 0."""
        number, place = divmod(frame, self._frames)
        action, angles, path = self._clip(number)
        return Moment(angles[place], tuple(path[place]), action)

    def _clip(self, number):
        """(action, angles (F, P), places (F, 2)) of one clip."""
        if number not in self._clips:
            rng = self._random("clip", number)
            action = self._actions[rng.integers(len(self._actions))]
            turning, about = (rng.choice([-1, 1]) * self._turning, rng.uniform(-self._reach, self._reach, 2))
            frames = self._frames * self._every
            angles = sequence(rng, action, frames, _CLIP_FPS, self._contacts, self._heading, turning)
            path = about + ground_path(action, angles, _CLIP_FPS)
            while len(self._clips) >= _CLIPS_KEPT:
                del self._clips[next(iter(self._clips))]
            self._clips[number] = action, angles[:: self._every], path[:: self._every]
        return self._clips[number]
