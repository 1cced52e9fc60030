"""Literal twins: the same work one sample, one joint, one number at a time, as the published description
reads. Nothing is slowed.

They are what the tests hold the fast code to, and what `make bench` times it against.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from hpe_study.data.augmentation import original_fraction
from hpe_study.models.heads import IMAGENET_RGB
from hpe_study.skeletons import BONE_GROUPS, CANONICAL_LENGTH, CANONICAL_STATURE, MPII16

REACH = 6  # standard deviations of a Gaussian that are drawn; beyond it is below 2e-8
GROUPS = [
    [(*MPII16.indices(list(bone)), CANONICAL_LENGTH[bone] / CANONICAL_STATURE) for bone in bones]
    for bones in BONE_GROUPS.values()
]  # (parent, child, canonical length over stature) of every bone

# ---------------------------------------------------------------- losses


def heatmap_twin(prediction, target, labelled):
    """Mean squared error a labelled joint. prediction, target: (B, J, H, W); labelled: (B, J) bool."""
    return torch.stack([F.mse_loss(prediction[b, j], target[b, j]) for b, j in _where(labelled)]).mean()


def depth_twin(depth, joints, target, labelled, beta=1.0):
    """Smooth L1 of the depth read between four cells at each joint. depth: (B, J, H, W); joints: (B, J, 2)
    heat-map px; target: (B, J)."""
    height, width = depth.shape[-2:]
    losses = []
    for b, j in _where(labelled):
        x, y = joints[b, j].tolist()
        x0, y0 = min(int(x), width - 2), min(int(y), height - 2)
        wx, wy = x - x0, y - y0
        cells = depth[b, j, y0 : y0 + 2, x0 : x0 + 2]
        value = (1 - wy) * ((1 - wx) * cells[0, 0] + wx * cells[0, 1]) + wy * (
            (1 - wx) * cells[1, 0] + wx * cells[1, 1]
        )
        losses.append(F.smooth_l1_loss(value, target[b, j], beta=beta))
    return torch.stack(losses).mean()


def _where(labelled):
    return [(b, j) for b in range(len(labelled)) for j in range(labelled.shape[1]) if labelled[b, j].item()]


def geometric_twin(joints, visible):
    """The variance of each group's bone ratios, sample after sample. joints: (B, 16, 3) crop units; visible:
    (B, 16) bool."""
    samples = []
    for pose, joint_seen in zip(joints, visible, strict=True):
        seen = [joint.item() for joint in joint_seen]  # a host read a joint
        groups = [
            [(pose[a] - pose[b]).norm() / length for a, b, length in bones if seen[a] and seen[b]]
            for bones in GROUPS
        ]
        variances = [torch.stack(ratios).var(correction=0) for ratios in groups if len(ratios) >= 2]
        if variances:
            samples.append(sum(variances))
    return sum(samples) / max(len(samples), 1)


class VectorisedMaps:
    """The two losses on maps as published: whole tensors under a mask. Only the geometric loss goes sample by
    sample."""

    @staticmethod
    def heatmap(prediction, target, labelled):
        """As `heatmap_twin`."""
        weight = labelled[..., None, None].float()
        cells = prediction.shape[-1] * prediction.shape[-2]
        return ((prediction - target) * weight).square().sum() / (labelled.sum() * cells)

    @staticmethod
    def depth(depth, joints, target, labelled):
        """(loss, depth read (B, J)): as `depth_twin`, read by the library's own sampler."""
        place = 2 * joints / (depth.shape[-1] - 1) - 1
        maps = depth.flatten(0, 1)[:, None]
        read = F.grid_sample(
            maps, place.flatten(0, 1)[:, None, None], align_corners=True, padding_mode="border"
        ).view(target.shape)
        weight = labelled.float()
        losses = F.smooth_l1_loss(read * weight, torch.nan_to_num(target) * weight, reduction="none")
        return losses.sum() / labelled.sum().clamp(min=1), read


def fusion_twin(outputs, sample, depth_weight, geometry_weight, depth_unit=1.0):
    """(total, heat map, depth, geometry) of a batch as `ImageSamples` gives it: losses of three, geometry on
    the 2D set's samples."""
    flat = VectorisedMaps.heatmap(outputs["heatmap"], sample["target"], sample["labelled"])
    rest, depth_term, geometry = depth_and_geometry_losses(
        outputs["depth"], sample, depth_weight, geometry_weight, depth_unit
    )
    return flat + rest, flat, depth_term, geometry


def depth_and_geometry_losses(depth, sample, depth_weight, geometry_weight, depth_unit=1.0):
    """(weighted sum, depth, geometry): the part of `fusion_twin` that needs the depth maps (B, 16, H, W)
    alone."""
    joints = torch.nan_to_num(sample["joints"])
    depth_term, read = VectorisedMaps.depth(depth, joints, sample["depth"] / depth_unit, sample["has_depth"])
    flat = sample["flat"]
    pose = torch.cat([(joints[flat] + 0.5) / depth.shape[-1], read[flat][..., None] * depth_unit], -1)
    geometry = geometric_twin(pose, sample["labelled"][flat])
    return depth_weight * depth_term + geometry_weight * geometry, depth_term, geometry


# ---------------------------------------------------------------- loader


def gaussian_twin(joint, cells, sigma):
    """(cells, cells) float32: one Gaussian around a joint (x, y) in heat-map px, drawn into its neighbourhood
    only."""
    target = np.zeros((cells, cells), np.float32)
    reach = int(np.ceil(REACH * sigma))
    x0, y0 = (max(int(value) - reach, 0) for value in joint)
    x1, y1 = (max(min(int(value) + reach + 1, cells), 0) for value in joint)
    xs, ys = np.arange(x0, x1), np.arange(y0, y1)[:, None]
    if xs.size and ys.size:
        target[y0:y1, x0:x1] = np.exp(-((xs - joint[0]) ** 2 + (ys - joint[1]) ** 2) / (2 * sigma**2))
    return target


def warp_of(center, side, change, size):
    """(2, 3) matrix of cv2.warpAffine from a picture to the crop that the network sees (size px). change: a
    `augmentation.Augmentation` of one."""
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    seen = (original_fraction(corners[None], change)[0].numpy() - 0.5) * side + center
    return cv2.getAffineTransform(seen.astype(np.float32), (corners.numpy() * size - 0.5).astype(np.float32))


class ImageSamples(Dataset):
    """Picture read, warp and a Gaussian a joint, for each sample; float32 images and maps leave the loader.

    stores: 2D first, whose labels are used; root: the folder that their pictures' paths are under; pairs: (N,
    2) store, index;
    change: function (pairs) → `augmentation.Augmentation`, the same numbers as the fast path's.
    """

    def __init__(self, stores, root, pairs, change, size, sigma):
        self.stores, self.root, self.pairs, self.size, self.sigma = (
            stores,
            root,
            np.asarray(pairs),
            size,
            sigma,
        )
        self.change = change

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, number):
        pair = self.pairs[number : number + 1]
        store, index = self.stores[pair[0, 0]], pair[0, 1]
        change = self.change(pair)
        label = {key: store[key][index] for key in ("center", "side", "joints2d", "labelled", "depth")}
        flip, scale = change.flip[0].item(), change.scale[0].item()

        picture = cv2.cvtColor(cv2.imread(str(self.root / store["image"][index])), cv2.COLOR_BGR2RGB)
        matrix = warp_of(label["center"], label["side"], change, self.size)
        image = (
            cv2.warpAffine(picture, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR).astype(np.float32)
            / 255
        )
        image = np.clip(image * change.gain[0].numpy() + change.offset[0].numpy(), 0, 1)
        image = (image - np.float32(IMAGENET_RGB.mean)) / np.float32(IMAGENET_RGB.std)

        cells = self.size // 4
        joints = np.full((16, 2), np.nan, np.float32)
        depth, labelled = np.full(16, np.nan, np.float32), np.zeros(16, bool)
        target = np.zeros((16, cells, cells), np.float32)
        for joint in range(16):
            source = MPII16.flip[joint] if flip else joint
            if not label["labelled"][source]:
                continue
            t = (matrix @ [*label["joints2d"][source], 1] + 0.5) / self.size
            if not ((t >= 0) & (t < 1)).all():
                continue
            joints[joint], labelled[joint], depth[joint] = (
                t * cells - 0.5,
                True,
                label["depth"][source] / scale,
            )
            target[joint] = gaussian_twin(joints[joint], cells, self.sigma)
        return {
            "image": np.ascontiguousarray(image.transpose(2, 0, 1), np.float32),
            "target": target,
            "joints": joints,
            "labelled": labelled,
            "depth": depth,
            "has_depth": labelled & np.isfinite(depth),
            "flat": pair[0, 0] == 0,
        }


def image_batches(samples, batch_size):
    """Batches of an `ImageSamples`, whole ones, by torch's own loader."""
    return DataLoader(samples, batch_size, drop_last=True)


# ---------------------------------------------------------------- a step, a validation


def training_step_twin(model, optimizer, sample, depth_weight, geometry_weight):
    """One update in single precision, channels first. Returns its losses as numbers, each read from the
    device."""
    outputs = model(sample["image"])
    losses = fusion_twin(outputs, sample, depth_weight, geometry_weight)
    optimizer.zero_grad()
    losses[0].backward()
    optimizer.step()
    return [loss.item() for loss in losses]


def validation_twin(model, images):
    """[(joints (16, 2) heat-map px, depth (16,))] of images (3, H, W), one by one: a second, mirrored pass,
    and the graph kept."""
    model.eval()
    readings = []
    for image in images:
        plain, mirrored = model(image[None]), model(image[None].flip(-1))
        maps = {}
        for name in ("heatmap", "depth"):
            back = mirrored[name][0].flip(-1)
            maps[name] = (
                torch.stack([(plain[name][0, j] + back[MPII16.flip[j]]) / 2 for j in range(16)])
                .detach()
                .numpy()
            )
        readings.append(_read_twin(maps["heatmap"], maps["depth"]))
    return readings


def _read_twin(heatmaps, depths):
    """The highest cell of each joint, a quarter cell towards its higher neighbour, and the depth there."""
    cells = heatmaps.shape[-1]
    joints, depth = np.zeros((16, 2), np.float32), np.zeros(16, np.float32)
    for j, heat in enumerate(heatmaps):
        y, x = np.unravel_index(heat.argmax(), heat.shape)
        dx = 0.25 * np.sign(heat[y, x + 1] - heat[y, x - 1]) if 0 < x < cells - 1 else 0.0
        dy = 0.25 * np.sign(heat[y + 1, x] - heat[y - 1, x]) if 0 < y < cells - 1 else 0.0
        joints[j] = x + dx, y + dy
        left, top = min(int(joints[j, 0]), cells - 2), min(int(joints[j, 1]), cells - 2)
        wx, wy = joints[j, 0] - left, joints[j, 1] - top
        corner = depths[j, top : top + 2, left : left + 2]
        depth[j] = (1 - wy) * ((1 - wx) * corner[0, 0] + wx * corner[0, 1]) + wy * (
            (1 - wx) * corner[1, 0] + wx * corner[1, 1]
        )
    return joints, depth
