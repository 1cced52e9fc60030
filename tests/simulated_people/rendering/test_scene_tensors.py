"""Scenes as tensors."""

from simulated_people.rendering.scene_tensors import pack_scenes
from simulated_people.scenes.places import make_scene


def test_pack_lays_scenes_side_by_side():
    places = [make_scene("room", 1), make_scene("outdoor", 2)]
    packed = pack_scenes(places, "cpu")
    assert len(packed["box_shot"]) == sum(len(place.boxes) for place in places)
    assert packed["surface_start"].tolist() == [0, 2 + len(places[0].boxes)]
    assert packed["texture_first"].shape == (3, sum(2 + len(place.boxes) for place in places))
