"""The z-buffer against a literal one."""

import numpy as np
import torch

from simulated_people.rendering.rasterizer import SUB, Windows, cells, rasterize


def _window(width, height, left=0, top=0):
    def tensor(*values):
        return torch.tensor(values)

    return Windows(tensor(left), tensor(top), tensor(width), tensor(height), tensor(0), width * height)


def _literal(points, faces, width, height):
    """depth and face of every sample, by asking every triangle at every sample."""
    depth, face = np.full((height * SUB, width * SUB), np.inf), np.full((height * SUB, width * SUB), -1)
    for number, corners in enumerate(faces):
        (ax, ay, az), (bx, by, bz), (cx, cy, cz) = points[corners]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if area >= 0:
            continue
        for row in range(height * SUB):
            for column in range(width * SUB):
                x, y = (column + 0.5) / SUB - 0.5, (row + 0.5) / SUB - 0.5
                u = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
                v = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
                w = 1 - u - v
                if min(u, v, w) >= 0:
                    z = 1 / (u / az + v / bz + w / cz)
                    if z < depth[row, column]:
                        depth[row, column], face[row, column] = z, number
    return depth, face


def _grid(values, hits, width, height, empty):
    """Values of hits as a picture of samples."""
    flat = np.full(width * height * SUB * SUB, empty, float)
    flat[hits.sample.numpy()] = values
    return flat.reshape(height, width, SUB, SUB).transpose(0, 2, 1, 3).reshape(height * SUB, width * SUB)


def test_it_agrees_with_a_literal_z_buffer():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-4, 18, (40, 2)), rng.uniform(1, 5, (40, 1))], 1).astype(np.float32)
    faces = rng.integers(0, 40, (30, 3))
    faces = faces[[len(set(face)) == 3 for face in faces.tolist()]]
    hits = rasterize(
        torch.tensor(points)[None],
        torch.tensor([0]),
        torch.tensor(faces),
        torch.ones(1, len(faces), dtype=torch.bool),
        _window(14, 11),
    )
    depth, face = _literal(points, faces, 14, 11)
    mine = _grid(hits.face.numpy(), hits, 14, 11, -1)
    assert (mine != face).mean() < 0.01  # samples that lie on an edge may fall either way
    same = (mine == face) & (face >= 0)
    assert same.sum() > 100
    assert np.abs(_grid(hits.depth.numpy(), hits, 14, 11, np.inf)[same] - depth[same]).max() < 1e-3


def test_interpolation_is_right_in_perspective():
    """A corner's value that is linear in space must come back linear in space."""
    space = torch.tensor([[-1.0, -1, 2], [1, -1, 6], [0, 1.5, 3]])
    px = torch.cat([space[:, :2] / space[:, 2:] * 20 + 10, space[:, 2:]], 1)
    faces = torch.tensor([[0, 2, 1]])
    hits = rasterize(px[None], torch.tensor([0]), faces, torch.ones(1, 1, dtype=torch.bool), _window(24, 24))
    found = hits.interpolate(space.T.contiguous(), faces)
    assert torch.allclose(found[2], hits.depth, atol=1e-4)
    sample = hits.sample.numpy()
    row, column = sample // 4 // 24 * 2 + sample % 4 // 2, sample // 4 % 24 * 2 + sample % 2
    assert np.allclose((found[0] / found[2] * 20 + 10).numpy(), (column + 0.5) / 2 - 0.5, atol=1e-3)
    assert np.allclose((found[1] / found[2] * 20 + 10).numpy(), (row + 0.5) / 2 - 0.5, atol=1e-3)


def test_an_integer_is_a_pixels_centre():
    """A small square drawn around pixel (7, 5) covers just that pixel's samples."""
    around = torch.tensor([[6.5, 4.5, 2], [7.5, 4.5, 2], [7.5, 5.5, 2], [6.5, 5.5, 2]])
    hits = rasterize(
        around[None],
        torch.tensor([0]),
        torch.tensor([[0, 2, 1], [0, 3, 2]]),
        torch.ones(1, 2, dtype=torch.bool),
        _window(12, 9),
    )
    assert sorted(hits.sample.tolist()) == [(5 * 12 + 7) * 4 + k for k in range(4)]


def test_people_of_several_images_do_not_meet():
    triangle = torch.tensor([[1.0, 1, 2], [1, 6, 2], [6, 1, 2]])
    both = Windows(*(torch.tensor(values) for values in ([0, 2], [0, 1], [8, 4], [7, 5], [0, 56])), pixels=76)
    alone = rasterize(
        triangle[None],
        torch.tensor([0]),
        torch.tensor([[0, 1, 2]]),
        torch.ones(1, 1, dtype=torch.bool),
        _window(8, 7),
    )
    hits = rasterize(
        triangle[None].repeat(2, 1, 1),
        torch.tensor([0, 1]),
        torch.tensor([[0, 1, 2]]),
        torch.ones(2, 1, dtype=torch.bool),
        both,
    )
    assert torch.equal(hits.sample[hits.person == 0], alone.sample)
    assert 0 < (hits.person == 1).sum() < len(alone.sample)
    assert hits.sample[hits.person == 1].min() >= 56 * 4


def test_backs_and_what_is_behind_the_camera_are_left_out():
    points = torch.tensor([[1.0, 1, 2], [1, 6, 2], [6, 1, 2], [1, 1, 0.05]])
    faces = torch.tensor([[0, 2, 1], [3, 1, 2]])
    assert not len(
        rasterize(
            points[None], torch.tensor([0]), faces, torch.ones(1, 2, dtype=torch.bool), _window(8, 7)
        ).sample
    )


def test_cells_list_rectangles_row_by_row():
    owner, x, y = cells(*(torch.tensor(values) for values in ([2, 0, 5], [1, 0, 5], [2, 0, 1], [2, 3, 1])))
    assert owner.tolist() == [0, 0, 0, 0, 2]
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(2, 1), (3, 1), (2, 2), (3, 2), (5, 5)]


def test_windows_are_clipped_to_the_image():
    windows = Windows.around(
        torch.tensor([[-5.0, 3.2], [1e6, 1e6]]),
        torch.tensor([[4.1, 300.0], [-1e6, -1e6]]),
        torch.tensor([[20, 30], [20, 30]]),
    )
    assert (windows.left[0], windows.top[0], windows.width[0], windows.height[0]) == (0, 2, 7, 28)
    assert windows.width[1] * windows.height[1] == 0
    assert windows.pixels == 7 * 28
