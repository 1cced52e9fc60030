import math

import numpy as np
import pytest
import torch

from benchmarks.twins import depth_twin, geometric_twin, heatmap_twin
from hpe_study.heatmaps import gaussian_targets
from hpe_study.losses import depth_loss, geometric_loss, geometric_loss_in_pixels, heatmap_loss
from hpe_study.skeletons import (
    BONE_GROUPS,
    CANONICAL_LENGTH,
    CANONICAL_LENGTHS,
    CANONICAL_STATURE,
    H36M17,
    MPII16,
    convert,
)
from simulated_people.body.landmarks import rows_of
from simulated_people.body.model import Body
from simulated_people.motion.poses import sample_pose

B, J, H, W = 4, 16, 6, 5


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def maps(random, dtype=torch.float64):
    return torch.randn(B, J, H, W, generator=random, dtype=dtype)


def mask(random, share=0.7):
    return torch.rand(B, J, generator=random) < share


# ---------------------------------------------------------------- literal twins: one joint at a time, as the
# equations read


def test_heatmap_loss_equals_its_twin(random):
    prediction, target, labelled = maps(random), maps(random), mask(random)
    assert heatmap_loss(prediction, target, labelled).item() == pytest.approx(
        heatmap_twin(prediction, target, labelled).item(), rel=1e-12
    )


@pytest.mark.parametrize("beta", [1.0, 0.2])
def test_depth_loss_equals_its_twin(random, beta):
    depth, labelled = maps(random), mask(random)
    joints = torch.rand(B, J, 2, generator=random, dtype=torch.float64) * torch.tensor([W - 1, H - 1])
    target = torch.randn(B, J, generator=random, dtype=torch.float64)
    value = depth_loss(depth, joints, target, labelled, beta=beta).item()
    assert value == pytest.approx(depth_twin(depth, joints, target, labelled, beta).item(), rel=1e-12)


def test_geometric_loss_equals_its_twin(random):
    joints = torch.randn(B, J, 3, generator=random, dtype=torch.float64)
    visible = mask(random)
    visible[0] = False  # a sample without any bone
    assert geometric_loss(joints, visible).item() == pytest.approx(
        geometric_twin(joints, visible).item(), rel=1e-12
    )


# ---------------------------------------------------------------- by hand


def test_heatmap_loss_by_hand():
    """5×5: one cell off by 2 on one joint, the other joint not labelled: 2² / 25."""
    prediction, target = torch.zeros(1, 2, 5, 5), torch.zeros(1, 2, 5, 5)
    target[0, 0, 2, 2] = 1.0
    prediction[0, 0, 2, 2], prediction[0, 1] = 3.0, 100.0
    prediction.requires_grad_()
    loss = heatmap_loss(prediction, target, torch.tensor([[True, False]]))
    loss.backward()
    assert loss.item() == pytest.approx(4 / 25)
    gradient = torch.zeros(1, 2, 5, 5)
    gradient[0, 0, 2, 2] = 2 * 2 / 25
    torch.testing.assert_close(prediction.grad, gradient)


@pytest.mark.parametrize(("cells", "sigma"), [(16, 1.0), (64, 2.0), (24, 1.5)])
def test_predicting_nothing_costs_one(cells, sigma):
    labelled = torch.ones(1, 1, dtype=torch.bool)
    target = gaussian_targets(torch.full((1, 1, 2), cells / 2 - 0.3), labelled, (cells, cells), sigma)
    assert heatmap_loss(0 * target, target, labelled, scale="peak", sigma=sigma).item() == pytest.approx(
        1, abs=1e-3
    )
    assert heatmap_loss(0 * target, target, labelled).item() == pytest.approx(
        math.pi * sigma**2 / cells**2, rel=1e-3
    )


def canonical_pose(lengths=CANONICAL_LENGTH):
    """Joints laid out so that every bone of the groups has its canonical length at a stature of one crop
    side."""
    pose = torch.zeros(16, 3, dtype=torch.float64)
    reach = dict.fromkeys(MPII16.joints, 0.0)
    for bones in (BONE_GROUPS["shoulders"], BONE_GROUPS["hips"], BONE_GROUPS["arms"], BONE_GROUPS["legs"]):
        for parent, child in bones:
            reach[child] = reach[parent] + lengths[parent, child] / CANONICAL_STATURE
    for index, joint in enumerate(MPII16.joints):
        pose[index, 0] = reach[joint] * (-1 if joint.startswith("l_") else 1)
    return pose


def test_proportional_people_cost_nothing_and_others_do():
    pose, visible = canonical_pose()[None], torch.ones(1, 16, dtype=torch.bool)
    assert geometric_loss(pose, visible).item() == pytest.approx(0, abs=1e-24)
    assert geometric_loss(0.4 * pose + 0.3, visible).item() == pytest.approx(0, abs=1e-24)
    pose[0, MPII16.index("r_wrist"), 0] += 0.146  # doubles one of four arm bones: ratios 1, 2, 1, 1
    assert geometric_loss(pose, visible).item() == pytest.approx(0.1875)
    assert geometric_loss(pose, visible, reduction="none")[0].tolist() == pytest.approx([0.1875, 0, 0, 0])


def test_canonical_stature_is_that_of_the_lengths():
    shin = 0.246  # of the height: Drillis & Contini (1966)
    assert CANONICAL_LENGTH["r_knee", "r_ankle"] == pytest.approx(shin * CANONICAL_STATURE)


def test_the_canonical_ratios_of_h36m_are_the_printed_ones():
    """Upper arm : forearm 1.1375, thigh : shank 1.0086; a person of these ratios costs nothing."""
    h36m = CANONICAL_LENGTHS["h36m"]
    for side in "rl":
        upper, lower = h36m[f"{side}_shoulder", f"{side}_elbow"], h36m[f"{side}_elbow", f"{side}_wrist"]
        thigh, shank = h36m[f"{side}_hip", f"{side}_knee"], h36m[f"{side}_knee", f"{side}_ankle"]
        assert (upper / lower, thigh / shank) == pytest.approx((1.1375, 1.0086))
    pose, visible = canonical_pose(h36m)[None], torch.ones(1, 16, dtype=torch.bool)
    assert geometric_loss(pose, visible, canonical="h36m").item() == pytest.approx(0, abs=1e-24)
    assert geometric_loss(pose, visible).item() > 1e-4


# ---------------------------------------------------------------- the published geometric loss


def published_twin(joints, visible, cells):
    """Sample after sample, bone after bone, as the published code has it."""
    limbs = ["ankle", "knee", "hip", "wrist", "elbow", "shoulder"]
    chains = [MPII16.indices([f"{side}_{joint}" for joint in limbs]) for side in "rl"]
    groups = [
        [(chain[start], chain[start + 1], factor) for chain in chains for start, factor in bones]
        for bones in ([(3, 1.1375), (4, 1.0)], [(0, 1.0086), (1, 1.0)])
    ]
    neck, pelvis = MPII16.index("upper_neck"), MPII16.index("pelvis")
    groups += [[(chain[end], joint, 1.0) for chain in chains] for end, joint in ((5, neck), (2, pelvis))]
    total = 0.0
    for pose, seen in zip(joints, visible, strict=True):
        for bones in groups:
            lengths = []
            for a, b, factor in bones:
                if seen[a] and seen[b]:
                    x, y = (math.floor(pose[a, i] * cells) - math.floor(pose[b, i] * cells) for i in (0, 1))
                    lengths.append(factor * math.hypot(x, y, pose[a, 2] - pose[b, 2]))
            mean = sum(lengths) / max(len(lengths), 1)
            total += sum((length - mean) ** 2 for length in lengths) / 2 / max(len(lengths), 1)
    return total / len(joints)


def test_geometry_in_pixels_equals_its_twin(random):
    joints = torch.rand(B, J, 3, generator=random, dtype=torch.float64)
    visible = mask(random)
    visible[0] = False  # a 3D sample: it counts in the batch
    value = geometric_loss_in_pixels(joints, visible, 16).item()
    assert value == pytest.approx(published_twin(joints, visible, 16), rel=1e-12)


@pytest.fixture(scope="module")
def crop_poses():
    """(200, 16, 3) crop units: simulated people in laboratory poses, seen from anywhere around."""
    rng, body = np.random.default_rng(0), Body()
    people = rng.choice(body.people, 200)
    angles = np.stack([sample_pose(rng, "laboratory").angles for _ in people])
    with torch.inference_mode():
        own = np.asarray(body.skeletons(people, angles), float)[:, rows_of(H36M17)]
    x, y, z = np.moveaxis(convert(own, H36M17, MPII16), -1, 0)
    turn = rng.uniform(0, 2 * np.pi, (len(people), 1))
    pose = np.stack([np.cos(turn) * x + np.sin(turn) * z, -y, np.cos(turn) * z - np.sin(turn) * x], -1)
    side = 1.25 * np.ptp(pose[..., :2], axis=1).max(-1)
    return torch.tensor((pose - pose[:, [MPII16.index("pelvis")]]) / side[:, None, None] + [0.5, 0.5, 0])


def test_the_published_geometric_loss_hardly_sees_depth(crop_poses):
    """True depth costs about as much as none (audit: 4.19 against 4.20); in one unit far less (0.57)."""
    visible = torch.ones(crop_poses.shape[:2], dtype=torch.bool)
    flat = crop_poses * torch.tensor([1.0, 1.0, 0.0])
    true, none = (geometric_loss_in_pixels(pose, visible, 64).item() for pose in (crop_poses, flat))
    assert true == pytest.approx(none, rel=0.005)
    assert 3 < none < 7
    in_pixels = crop_poses * torch.tensor([1.0, 1.0, 64.0])  # depth in the unit of x and y
    assert geometric_loss_in_pixels(in_pixels, visible, 64).item() < none / 4
    for canonical in CANONICAL_LENGTHS:
        true, none = (
            geometric_loss(pose, visible, canonical=canonical).item() for pose in (crop_poses, flat)
        )
        assert true < none / 4


# ---------------------------------------------------------------- gradients


def test_gradients_in_double_precision(random):
    labelled, target = mask(random), maps(random)
    prediction = maps(random).requires_grad_()
    joints = (1 + 2 * torch.rand(B, J, 2, generator=random, dtype=torch.float64)).requires_grad_()
    depth_target = torch.randn(B, J, generator=random, dtype=torch.float64)
    pose = torch.randn(B, J, 3, generator=random, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda p: heatmap_loss(p, target, labelled), prediction)
    assert torch.autograd.gradcheck(
        lambda p: heatmap_loss(p, target, labelled, scale="peak", sigma=2.0), prediction
    )
    assert torch.autograd.gradcheck(
        lambda d, p: depth_loss(d, p, depth_target, labelled), (prediction, joints)
    )
    assert torch.autograd.gradcheck(lambda p: geometric_loss(p, labelled), pose)
    depth, place = pose.detach()[..., 2:].requires_grad_(), pose.detach()[..., :2]
    assert torch.autograd.gradcheck(
        lambda z: geometric_loss_in_pixels(torch.cat([place, z], -1), labelled, 4), depth
    )


def test_bones_without_length_have_finite_gradients():
    pose = torch.zeros(2, 16, 3, requires_grad=True)
    loss = geometric_loss(pose, torch.ones(2, 16, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert pose.grad.isfinite().all()


def every_loss(prediction, joints, target, pose, labelled):
    return (
        heatmap_loss(prediction, torch.zeros_like(prediction), labelled),
        depth_loss(prediction, joints, target, labelled),
        geometric_loss(pose, labelled),
    )


@pytest.mark.parametrize("junk", [0.0, float("nan"), float("inf")])
def test_nothing_valid_is_zero_with_zero_gradients(junk):
    prediction = torch.full((B, J, H, W), junk, requires_grad=True)
    pose = torch.full((B, J, 3), junk, requires_grad=True)
    nothing = torch.zeros(B, J, dtype=torch.bool)
    losses = every_loss(prediction, torch.full((B, J, 2), junk), torch.full((B, J), junk), pose, nothing)
    sum(losses).backward()
    assert [loss.item() for loss in losses] == [0, 0, 0]
    assert (prediction.grad == 0).all()
    assert (pose.grad == 0).all()


def test_missing_joints_have_no_influence(random):
    labelled = mask(random)
    prediction, target = maps(random), torch.randn(B, J, generator=random)
    pose = torch.randn(B, J, 3, generator=random, dtype=torch.float64)
    joints = torch.rand(B, J, 2, generator=random, dtype=torch.float64)
    clean = every_loss(prediction, joints, target, pose, labelled)
    for tensor in (prediction, joints, target, pose):
        tensor[~labelled] = float("nan")
    prediction.requires_grad_()
    pose.requires_grad_()
    dirty = every_loss(prediction, joints, target, pose, labelled)
    assert [loss.item() for loss in dirty] == [loss.item() for loss in clean]
    sum(dirty).backward()
    assert prediction.grad.isfinite().all()
    assert pose.grad.isfinite().all()


def test_a_broken_prediction_is_seen():
    """NaN at a joint that counts must come out as NaN: training stops on it."""
    all_labelled = torch.ones(B, J, dtype=torch.bool)
    prediction, pose = torch.full((B, J, H, W), float("nan")), torch.full((B, J, 3), float("nan"))
    losses = every_loss(prediction, torch.ones(B, J, 2), torch.ones(B, J), pose, all_labelled)
    assert all(loss.isnan() for loss in losses)


def test_none_keeps_a_value_a_joint(random):
    prediction, target, labelled = maps(random), maps(random), mask(random)
    values = heatmap_loss(prediction, target, labelled, reduction="none")
    assert values.shape == (B, J)
    assert (values[~labelled] == 0).all()
    assert (values.sum() / labelled.sum()).item() == pytest.approx(
        heatmap_loss(prediction, target, labelled).item()
    )


def test_half_precision_is_computed_in_single(random):
    prediction, labelled = maps(random).to(torch.bfloat16), mask(random)
    pose = torch.randn(B, J, 3, generator=random).to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        low = every_loss(prediction, torch.ones(B, J, 2), torch.ones(B, J), pose, labelled)
    high = every_loss(prediction.float(), torch.ones(B, J, 2), torch.ones(B, J), pose.float(), labelled)
    assert all(loss.dtype == torch.float32 for loss in low)
    assert [loss.item() for loss in low] == [loss.item() for loss in high]


def test_nothing_waits_for_the_host():
    """Tensors of the meta device have no values: whatever would read one (item, nonzero, a boolean index, an
    if) raises."""
    meta = {"device": "meta"}
    labelled = torch.ones(B, J, dtype=torch.bool, **meta)
    prediction, joints, target = (
        torch.ones(B, J, H, W, requires_grad=True, **meta),
        torch.ones(B, J, 2, **meta),
        torch.ones(B, J, **meta),
    )
    pose = torch.ones(B, J, 3, requires_grad=True, **meta)
    wanted = gaussian_targets(joints, labelled, (H, W), 2.0)
    losses = (
        heatmap_loss(prediction, wanted, labelled),
        depth_loss(prediction, joints, target, labelled),
        geometric_loss(pose, labelled),
    )
    sum(losses).backward()
    assert prediction.grad.shape == prediction.shape
    assert pose.grad.shape == pose.shape
