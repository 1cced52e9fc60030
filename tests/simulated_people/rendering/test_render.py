"""Whole frames: labels on the image, occlusion, several people and views, the same bytes in any company."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from simulated_people.body.kinematics import pose_vector
from simulated_people.body.landmarks import LANDMARK_INDEX
from simulated_people.body.model import Body
from simulated_people.rendering import rasterizer, ray_tracer
from simulated_people.rendering import render as renderer
from simulated_people.rendering.batch import windows_around
from simulated_people.rendering.ray_tracer import CameraTensors
from simulated_people.rendering.render import Shot, render
from simulated_people.scenes import camera
from simulated_people.scenes.places import make_scene
from simulated_people.scenes.scene import Box, Surface


def _scaled(view, factor):
    """The same view with `factor` times the pixels; pixel centres: u' = factor · (u + ½) − ½."""
    cx, cy = factor * (view.cx + 0.5) - 0.5, factor * (view.cy + 0.5) - 0.5
    return replace(
        view,
        fx=view.fx * factor,
        fy=view.fy * factor,
        cx=cx,
        cy=cy,
        width=view.width * factor,
        height=view.height * factor,
    )


def _silhouette(shot, body):
    """(x, y) px of the middle of the person's silhouette, as the renderer draws it."""
    people, views = body.place(shot.actors), CameraTensors.of([shot.camera], "cpu")
    seen = views.project(people.vertices, torch.tensor([0]))
    drawn = (body.face_part == 0)[None]
    windows = windows_around(seen, (body.vertex_part == 0)[None], torch.tensor([0]), views.size)
    sample = rasterizer.rasterize(seen, torch.tensor([0]), body.faces, drawn, windows).sample.numpy()
    pixel, width = sample // 4, int(windows.width[0])
    x = int(windows.left[0]) + pixel % width + (sample % 2 + 0.5) / 2 - 0.5
    y = int(windows.top[0]) + pixel // width + (sample % 4 // 2 + 0.5) / 2 - 0.5
    return np.array([x.mean(), y.mean()])


def test_frames_are_what_the_shots_say(shot_of, body):
    shots = [shot_of(seed, action) for seed, action in enumerate(("stand", "run", "sit"))]
    for shot, frame in zip(shots, render(shots, body), strict=True):
        person = frame.people[0]
        assert frame.image.shape == (72, 80, 3)
        assert frame.image.dtype == np.uint8
        assert frame.shot is shot
        assert person.actor is shot.actors[0]
        assert np.allclose(person.world, body.place(shot.actors).landmarks[0] * 1000)
        assert np.allclose(person.camera, shot.camera.to_camera(person.world / 1000) * 1000)
        assert np.allclose(person.px, shot.camera.project(person.camera))
        assert person.inside.all()
        assert np.isfinite(person.in_front).all()
        low, high = person.box[:2], person.box[2:]
        assert (person.px >= low - 2).all()
        assert (person.px <= high + 2).all()
        head = person.px[LANDMARK_INDEX["nose"]]
        assert (head >= person.head_box[:2] - 1).all()
        assert (head <= person.head_box[2:] + 1).all()
        assert 20 < frame.image.mean() < 200


def test_the_silhouette_does_not_move_with_the_resolution(shot_of, body):
    """Labels and pictures share one convention: at four times the size, the silhouette's middle is at the
    same place."""
    for seed in range(3):
        shot = shot_of(seed, "run", size=48)
        fine = _silhouette(replace(shot, camera=_scaled(shot.camera, 4)), body)
        assert np.allclose(_silhouette(shot, body), (fine + 0.5) / 4 - 0.5, atol=0.1)


def test_the_picture_changes_around_the_joints_and_nowhere_far(shot_of, body):
    shot = shot_of(1, "dance")
    shot = replace(shot, scene=replace(shot.scene, film=replace(shot.scene.film, noise=0.0)))
    person = render([shot], body)[0].people[0]
    background = render([replace(shot, actors=())], body)[0].image.astype(int)
    frame = render([shot], body)[0].image.astype(int)
    changed = np.abs(frame - background).max(-1) > 20
    for joint in ("l_shoulder", "r_hip", "l_knee", "thorax", "r_elbow"):
        x, y = np.rint(person.px[LANDMARK_INDEX[joint]]).astype(int)
        assert changed[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].any(), joint


def test_bytes_do_not_depend_on_company_order_or_history(shot_of):
    shots = [
        shot_of(seed, action, kind)
        for seed, (action, kind) in enumerate(
            [("walk", "room"), ("sit", "outdoor"), ("lie", "hall"), ("kick", "studio")]
        )
    ]
    together = [frame.image for frame in render(shots, Body())]
    body = Body()
    for place in (2, 0, 3, 1):
        assert np.array_equal(render([shots[place]], body)[0].image, together[place])
    assert np.array_equal(render(shots[::-1], body)[0].image, together[3])


def test_a_wall_before_a_person_hides_every_joint(shot_of, body):
    shot = shot_of(3)
    toward = (shot.camera.position - [0, 0, 0]) * [1, 0, 1]
    toward /= np.linalg.norm(toward)
    yaw = np.arctan2(toward[0], toward[2])
    wall = Box((toward[0], 1.0, toward[2]), (1.5, 1.0, 0.05), yaw, Surface(), 1)
    person = render([replace(shot, scene=replace(shot.scene, boxes=(wall,)))], body)[0].people[0]
    assert person.hidden.all()
    assert 700 < np.median(person.in_front) < 1300, "mm from the wall to the joints"


def test_own_flesh_does_not_hide_a_joint_but_the_trunk_does(shot_of, body):
    shot = shot_of(0)
    actor = replace(shot.actors[0], pose=np.zeros_like(shot.actors[0].pose))
    points = body.place([actor]).landmarks[0]
    from_the_left = camera.framed(points, (90, 2, 4), 120, (150, 150))
    person = render([Shot((actor,), from_the_left, shot.scene)], body)[0].people[0]
    for joint in ("l_shoulder", "l_hip", "l_knee", "l_ankle", "l_elbow", "head_top"):
        assert not person.hidden[LANDMARK_INDEX[joint]], joint
    for joint in ("r_shoulder", "r_hip", "r_ear"):
        assert person.hidden[LANDMARK_INDEX[joint]], joint
    assert person.in_front[LANDMARK_INDEX["r_shoulder"]] > 200


def test_people_hide_each_other_and_both_are_labelled(shot_of, body):
    shot = shot_of(2)
    toward = (shot.camera.position * [1, 0, 1]) / np.linalg.norm(shot.camera.position * [1, 0, 1])
    before = replace(shot.actors[0], position=(toward[0] * 0.8, toward[2] * 0.8))
    person, other = render([replace(shot, actors=(shot.actors[0], before))], body)[0].people
    assert person.hidden[LANDMARK_INDEX["pelvis"]]
    assert not other.hidden[LANDMARK_INDEX["pelvis"]]
    assert other.camera[LANDMARK_INDEX["pelvis"], 2] < person.camera[LANDMARK_INDEX["pelvis"], 2] - 700


def test_a_pixel_is_the_mean_of_its_samples(shot_of, body, monkeypatch):
    """Literally: every sample takes the colour of the one who is seen there, or the background's.

    Two people overlap.
    """
    shot = shot_of(3)
    beside = replace(shot.actors[0], body=7, position=tuple(np.add(shot.actors[0].position, (0.15, -0.25))))
    red, blue = torch.tensor([1.0, 0, 0]), torch.tensor([0, 0, 1.0])
    monkeypatch.setattr(
        renderer, "_shade", lambda hits, *others: torch.stack([red, blue])[hits.person].T.clone()
    )
    add, seen = renderer._add_people, {}

    def watched(light, hits, surroundings, people):
        before = light.clone()
        after, kept = add(light, hits, surroundings, people)
        seen.update(before=before, after=after.clone(), hits=kept, windows=people.windows)
        return after, kept

    monkeypatch.setattr(renderer, "_add_people", watched)
    render([replace(shot, actors=(shot.actors[0], beside))], body)
    hits, windows = seen["hits"], seen["windows"]
    left, top, width = (int(value[0]) for value in (windows.left, windows.top, windows.width))
    samples = {int(sample): int(person) for sample, person in zip(hits.sample, hits.person, strict=True)}
    assert set(samples.values()) == {0, 1}
    expected, shared = seen["before"].clone(), 0
    for pixel in sorted({sample // 4 for sample in samples}):
        place = (top + pixel // width) * shot.camera.width + left + pixel % width
        own = [samples.get(4 * pixel + k) for k in range(4)]
        shared += len(set(own)) == 3
        expected[:, place] = (
            sum(seen["before"][:, place] if who is None else (red, blue)[who] for who in own) / 4
        )
    assert shared, "some pixel shows both and the background"
    assert torch.allclose(seen["after"], expected, atol=1e-6)


def test_noise_is_the_sensors_and_pixels_of_small_images_average_it(shot_of, body):
    """In linear steps of the image's size, up to the sensor's own."""
    shot = shot_of(0)
    noise = {}
    for share in (0.5, 1.0):
        side = round(renderer._SENSOR * share)
        view = replace(shot.camera, width=side, height=side)
        spread = []
        for level in (0.0, 0.02):
            scene = replace(shot.scene, boxes=(), film=replace(shot.scene.film, noise=level))
            spread.append(render([replace(shot, actors=(), camera=view, scene=scene)], body)[0].image)
        noise[share] = np.subtract(*map(np.int16, spread)).std()
    assert abs(noise[0.5] / noise[1.0] - 0.5) < 0.1


def test_long_hair_does_not_hang_before_the_face(shot_of, body):
    """Seen from the front nothing lies before eyes and nose but skin; from behind the hair does."""
    shot = shot_of(0)
    pose = pose_vector({})
    actor = replace(
        shot.actors[0], pose=pose, clothes=shot.actors[0].clothes | {"long_hair": 1.0, "hat": 0.0}
    )
    head = body.place([actor]).landmarks[0, LANDMARK_INDEX["nose"]]
    seen = {}
    for azimuth in (0, 180):
        view = camera.pinhole(camera.around(head, azimuth, 0, 3), head, 400, (96, 96))
        people = render([replace(shot, actors=(actor,), camera=view)], body)[0].people[0]
        seen[azimuth] = people.in_front[[LANDMARK_INDEX[name] for name in ("nose", "l_eye", "r_eye")]]
    assert (seen[0] < 35).all(), seen[0]
    assert (seen[180] > 100).all(), seen[180]


def test_outside_the_image_nothing_is_known(shot_of, body):
    shot = shot_of(1)
    half = replace(shot.camera, height=shot.camera.height // 2)
    person = render([replace(shot, camera=half)], body)[0].people[0]
    ankle, head = LANDMARK_INDEX["l_ankle"], LANDMARK_INDEX["head_top"]
    assert not person.inside[ankle]
    assert np.isnan(person.in_front[ankle])
    assert not person.hidden[ankle]
    assert person.inside[head]
    assert np.isfinite(person.px[ankle]).all()


def test_a_person_behind_the_camera_leaves_no_trace(shot_of, body):
    shot = shot_of(1)
    away = shot.camera.position * [1, 0, 1] * 1.8
    behind = replace(shot.actors[0], position=(away[0], away[2]))
    frame = render([replace(shot, actors=(shot.actors[0], behind))], body)[0]
    assert not frame.people[1].inside.any()
    assert np.isnan(frame.people[1].px).all()


def test_things_in_the_way_of_a_body_go_unless_clipping_is_wanted(shot_of, body):
    shot = shot_of(0)
    pillar = Box((0.0, 1.0, 0.0), (0.15, 1.0, 0.15), 0.0, Surface(first=(1, 0, 0), second=(1, 0, 0)), 1)
    place = replace(shot.scene, boxes=(pillar,))
    free, clipped = render([replace(shot, scene=place), replace(shot, scene=place, clipping=True)], body)
    assert np.array_equal(free.image, render([shot], body)[0].image)
    assert clipped.people[0].hidden.mean() > free.people[0].hidden.mean() + 0.2


def test_one_moment_from_four_cameras(actor_of, body):
    actor = actor_of(3, "walk")
    rig = camera.laboratory_rig(64, 100)
    place = make_scene("laboratory", 0, rig)
    views = [frame.people[0] for frame in render([Shot((actor,), view, place) for view in rig], body)]
    for view, person in zip(rig, views, strict=True):
        assert np.allclose(person.world, views[0].world)
        assert np.allclose((person.camera / 1000) @ view.rotation + view.position, person.world / 1000)
    assert np.std([person.hidden.sum() for person in views]) > 0


def test_skin_is_not_blown_out(shot_of, body):
    shots = [
        shot_of(seed, "stand", kind)
        for seed, kind in enumerate(["outdoor", "street", "room", "hall", "studio", "laboratory"] * 2)
    ]
    for shot in shots:
        pale = replace(
            shot.actors[0],
            clothes=shot.actors[0].clothes
            | {"skin": (0.9, 0.73, 0.63), "bald": 1.0, "sleeve": 0.0, "long_hair": 0.0, "hat": 0.0},
        )
        frame = render([replace(shot, actors=(pale,))], body)[0]
        x0, y0, x1, y1 = np.clip(frame.people[0].head_box.astype(int), 0, 71)
        head = frame.image[y0:y1, x0:x1].astype(int).min(-1)
        assert (head > 250).mean() < 0.05, shot.scene.kind


@pytest.mark.parametrize("cells", [1000, 10**7])
def test_pictures_drawn_together_are_those_drawn_alone(shot_of, body, monkeypatch, cells):
    """CUDA draws many at a time; here the processor does, and pictures of different sizes, surroundings and
    numbers of people."""
    kinds = ("room", "outdoor", "street", "laboratory", "studio")
    shots = [
        shot_of(seed, "run", kind, width=72 + 8 * seed, height=88 - 4 * seed)
        for seed, kind in enumerate(kinds)
    ]
    beside = replace(
        shots[0].actors[0], position=tuple(np.add(shots[0].actors[0].position, (0.5, 0.3))), lift=0.0
    )
    shots[0] = replace(shots[0], actors=(*shots[0].actors, beside))
    shots[2] = replace(shots[2], actors=())
    away = replace(
        shots[1].actors[0], position=tuple(np.add(shots[1].actors[0].position, (40.0, 0.0)))
    )  # whose shadow falls on nothing
    shots[1] = replace(shots[1], actors=(*shots[1].actors, beside, away))
    alone = render(shots, body)
    monkeypatch.setattr(renderer, "_batches", lambda shots, device: [shots])
    monkeypatch.setattr(ray_tracer, "_CELLS_AT_ONCE", cells)
    for one, other in zip(alone, render(shots, body), strict=True):
        assert one.image.shape == other.image.shape
        assert (np.abs(one.image.astype(int) - other.image) > 2).mean() < 0.002
        assert len(one.people) == len(other.people)
        for person, same in zip(one.people, other.people, strict=True):
            assert np.allclose(person.px, same.px, atol=1e-3, equal_nan=True)
            assert np.allclose(person.in_front, same.in_front, atol=5, equal_nan=True)  # mm
            assert (person.hidden == same.hidden).all()
            assert np.allclose(person.box, same.box, atol=1e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no graphics card")
def test_cuda_agrees_with_the_processor(shot_of, body):
    shots = [shot_of(seed, "run", "room") for seed in range(4)]
    for one, other in zip(render(shots, body), render(shots, body, "cuda"), strict=True):
        assert (np.abs(one.image.astype(int) - other.image) > 8).mean() < 0.01
        assert np.allclose(one.people[0].px, other.people[0].px, atol=0.01)
