"""The simulated body: 800 sampled people, posed by anatomical angles, with skin and named landmarks.

Shape space, skeleton and skinning weights were baked from MakeHuman's CC0 data (`bake.py`,
`assets/LICENSE.txt`): 24 shape components, 31 bones, 3,401 vertices, 6,288 triangles in three parts (body,
skirt, long hair). Linear blend skinning.

>>> body = Body()
>>> placed = body.place([actor])        # vertices, normals and landmarks, metres, world frame
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from simulated_people.body import kinematics
from simulated_people.body.clothes import Regions, pack_clothes, thickness
from simulated_people.body.landmarks import LANDMARKS, mixing_matrix


@dataclass(frozen=True, eq=False)
class Actor:
    """One person at one moment."""

    body: int  # index into the body model's pool of sampled people
    clothes: dict  # from `sample_clothes`
    pose: np.ndarray  # (P,) anatomical angles in degrees, in the order of `kinematics.ANGLES`
    position: tuple = (0.0, 0.0)  # m, world x and z of the pelvis
    lift: float = 0.0  # m between the floor and the body's lowest point
    action: str = ""
    subject: str = ""  # the data set's own name of the person


ASSET = Path(__file__).parent / "assets" / "body.npz"
BODY, SKIRT, HAIR, UNSEEN = 0, 1, 2, 3  # parts of the mesh
_HAIRLINE = 0.03  # m before the hips' plane (z), at the temples; it rises towards the forehead

# Placed people kept at hand. Each takes about 0.1 MB, and so does a body at rest, of which all are kept.
_REMEMBERED = 256


@dataclass(frozen=True, eq=False)
class Placed:
    """People in the world, metres. N people, V vertices, L landmarks."""

    vertices: torch.Tensor  # (N, V, 3)
    normals: torch.Tensor  # (N, V, 3) unit
    landmarks: np.ndarray  # (N, L, 3) float64


@dataclass(frozen=True, eq=False)
class _Rest:
    """One person in the rest pose."""

    vertices: torch.Tensor  # (V, 3) m
    normals: torch.Tensor  # (V, 3)
    joints: torch.Tensor  # (K, 3) m
    aligned: torch.Tensor  # (2, 4, 3, 3), see `kinematics.limb_alignment`


class Body:
    """The body model on one device.

    Attributes:
        people: Indices that `Actor.body` may take.
        female: (N,) bool.
        height: (N,) m.
        faces: (F, 3) triangles of the mesh; `face_part` and `vertex_part`: BODY, SKIRT, HAIR or UNSEEN.
        regions: The `Regions` of the mesh.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        with np.load(ASSET) as data:
            self._data = {name: data[name] for name in data.files}
        load = self._tensor
        self.faces, self.face_part = load("faces", torch.int64), load("face_part", torch.int64)
        self.points = [str(name) for name in self._data["joint_names"]]
        self.bones = [str(name) for name in self._data["bone_names"]]
        self.vertex_count = len(self._data["mean_v"])
        self._point_index = {name: row for row, name in enumerate(self.points)}
        self._bone_index = {name: row for row, name in enumerate(self.bones)}
        self._mean = torch.cat([load("mean_v"), load("mean_j")])
        self._basis = torch.cat([load("basis_v"), load("basis_j")], 1)
        self._coefficients = load("coef")
        self._point_bone = load("joint_bone", torch.int64)
        self.tree = kinematics.ancestors(self._data["parents"].astype(int).tolist(), self.device)
        self._weights = self._dense_weights()
        self._mixing = mixing_matrix(self.points)
        self.vertex_part = self._vertex_part()
        self._skin = (self.vertex_part == BODY).nonzero()[:, 0]
        self.regions = Regions.of(
            self._mean[: self.vertex_count],
            dict(zip(self.points, self._mean[self.vertex_count :], strict=True)),
            dict(zip(self.bones, self._weights.T, strict=True)),
            self.vertex_part,
        )
        self.face_part[self._before_the_face()] = UNSEEN
        self.female = self._data["gender"] > 0.5
        self.height = self._heights()
        self.people = np.flatnonzero((self.height > 1.42) & (self.height < 2.0))
        self._rests, self._placed, self._elsewhere = {}, OrderedDict(), {}

    def to(self, device: str | torch.device) -> "Body":
        """This model on another device (made once per device)."""
        device = torch.device(device)
        if device == self.device:
            return self
        if device not in self._elsewhere:
            self._elsewhere[device] = Body(device)
        return self._elsewhere[device]

    def place(self, actors: Sequence[Actor]) -> Placed:
        """The people of some actors, dressed and posed, where they are to stand.

        On the CPU each person is computed alone, so that the result has the same bits in any company.
        """
        distinct = {id(actor): actor for actor in actors}
        missing = [actor for key, actor in distinct.items() if key not in self._placed]
        groups = [[actor] for actor in missing] if self.device.type == "cpu" else [missing] * bool(missing)
        for group in groups:
            vertices, normals, landmarks = self._compute(group)
            for actor, *parts in zip(group, vertices, normals, landmarks, strict=True):
                self._placed[id(actor)] = (actor, *parts)  # the actor is kept too, so its id stays taken
        chosen = [self._placed[id(actor)] for actor in actors]
        while len(self._placed) > _REMEMBERED:
            self._placed.popitem(last=False)
        return Placed(
            torch.stack([c[1] for c in chosen]),
            torch.stack([c[2] for c in chosen]),
            np.stack([c[3] for c in chosen]),
        )

    def skin(self, actors: Sequence[Actor]) -> np.ndarray:
        """(N, S, 3) m: points of the bodies' dressed skin, without skirts and hair."""
        return self.skin_of(self.place(actors))

    def skin_of(self, placed: Placed) -> np.ndarray:
        """(N, S, 3) m: the skin of people who are placed already."""
        return placed.vertices.index_select(1, self._skin).cpu().numpy()

    def landmarks(self, actor: Actor) -> dict[str, np.ndarray]:
        """Every landmark of one actor: {name: (3,) mm, world}."""
        return dict(zip(LANDMARKS, self.place([actor]).landmarks[0] * 1000, strict=True))

    def skeletons(self, people: Sequence[int], poses: np.ndarray) -> np.ndarray:
        """The landmarks of several bodies, without the skin (which takes most of the time of `place`).

        Args:
            people: (N,) bodies.
            poses: (P,) degrees for all of them, or (N, P).

        Returns:
            (N, L, 3) m, the hips at the origin.
        """
        shape = torch.einsum(
            "nk,kvc->nvc", self._coefficients[torch.as_tensor(people)], self._basis[:, self.vertex_count :]
        )
        points = self._mean[self.vertex_count :] + shape
        angles = torch.as_tensor(poses, dtype=torch.float32, device=self.device).expand(len(people), -1)
        _, moved = self._turned(points, kinematics.limb_alignment(points, self._point_index), angles)
        return self._mixing @ moved.cpu().numpy().astype(np.float64)

    def rest(self, person: int) -> _Rest:
        """One body in the rest pose, undressed."""
        if person not in self._rests:
            points = self._mean + torch.einsum("k,kvc->vc", self._coefficients[person], self._basis)
            vertices, joints = points[: self.vertex_count], points[self.vertex_count :]
            aligned = kinematics.limb_alignment(joints[None], self._point_index)[0]
            self._rests[person] = _Rest(vertices, self._vertex_normals(vertices), joints, aligned)
        return self._rests[person]

    @torch.no_grad()
    def _compute(self, actors):
        rests = [self.rest(int(actor.body)) for actor in actors]
        rest_joints = torch.stack([rest.joints for rest in rests])
        rest_normals = torch.stack([rest.normals for rest in rests])
        offsets = thickness(pack_clothes([actor.clothes for actor in actors], self.device), self.regions)
        rest_vertices = torch.stack([rest.vertices for rest in rests]) + rest_normals * offsets[..., None]

        angles = torch.as_tensor(
            np.stack([actor.pose for actor in actors]), dtype=torch.float32, device=self.device
        )
        transforms, points = self._turned(rest_joints, torch.stack([rest.aligned for rest in rests]), angles)
        blended = (self._weights @ transforms.flatten(2)).unflatten(2, (3, 4))
        vertices = (blended[..., :3] @ rest_vertices[..., None])[..., 0] + blended[..., 3]
        normals = torch.nn.functional.normalize((blended[..., :3] @ rest_normals[..., None])[..., 0], dim=-1)

        shift = self._stand(vertices, points, actors)
        landmarks = self._mixing @ (points + shift[:, None]).cpu().numpy().astype(np.float64)
        return vertices + shift[:, None], normals, landmarks

    def _turned(self, rest_joints, aligned, angles):
        """The bones' transforms (N, bones, 3, 4) in poses (N, P), and the rest points (N, K, 3) m moved."""
        rotations = kinematics.bone_rotations(angles, aligned, self._bone_index)
        transforms = kinematics.forward_kinematics(rotations, rest_joints[:, : len(self.bones)], self.tree)
        moved = transforms[:, self._point_bone]
        return transforms, (moved[..., :3] @ rest_joints[..., None])[..., 0] + moved[..., 3]

    def _stand(self, vertices, points, actors):
        """(N, 3) m: how to move each person, still with the hips at the origin, to its place."""
        lowest = vertices[..., 1].index_select(1, self._skin).amin(1)
        shift = torch.zeros(len(actors), 3, device=self.device)
        pelvis = points[:, [self._point_index["LeftUpLeg"], self._point_index["RightUpLeg"]]].mean(1)
        for row, actor in enumerate(actors):
            shift[row, 0] = actor.position[0] - pelvis[row, 0]
            shift[row, 1] = actor.lift - lowest[row]
            shift[row, 2] = actor.position[1] - pelvis[row, 2]
        return shift

    def _tensor(self, name, dtype=torch.float32):
        return torch.as_tensor(
            self._data[name].astype(np.float32 if dtype.is_floating_point else np.int64),
            dtype=dtype,
            device=self.device,
        )

    def _dense_weights(self):
        weight = self._tensor("ww")
        dense = torch.zeros(self.vertex_count, len(self.bones), device=self.device)
        return dense.scatter_add_(1, self._tensor("wi", torch.int64), weight / weight.sum(1, keepdim=True))

    def _vertex_part(self):
        part = torch.zeros(self.vertex_count, dtype=torch.int64, device=self.device)
        for number in (SKIRT, HAIR):
            part[self.faces[self.face_part == number].flatten()] = number
        return part

    def _before_the_face(self):
        """(F,) bool: the triangles of the long hair that hang before the face and the chest."""
        _, y, z = self._mean[: self.vertex_count][self.faces].mean(1).T
        return (self.face_part == HAIR) & (z >= _HAIRLINE) & (y <= 0.735 + 0.9 * (z - _HAIRLINE))

    def _vertex_normals(self, vertices):
        """(V, 3) unit normals: the triangles' normals, weighted by area, summed at their corners.

        On the CPU, in a fixed order.
        """
        corners = vertices.cpu().index_select(0, self.faces.cpu().flatten()).view(-1, 3, 3)
        across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        total = torch.zeros(self.vertex_count, 3)
        for corner in range(3):
            total.index_add_(0, self.faces[:, corner].cpu(), across)
        return torch.nn.functional.normalize(total, dim=-1).to(self.device)

    def _heights(self):
        extreme = self._tensor("mean_v")[:, 1] + torch.einsum(
            "nk,kv->nv", self._coefficients, self._tensor("basis_v")[..., 1]
        )
        own = extreme[:, self.vertex_part == BODY]
        return (own.amax(1) - own.amin(1)).cpu().numpy()


@lru_cache(maxsize=2)
def shared_body(device: str) -> Body:
    """The body model, loaded once per process and device."""
    return Body(device=device)
