import torch

from hpe_study.models import build_model


def test_the_stacks_are_all_given():
    """The last stack's maps are the output; every stack learns from its own maps."""
    model = build_model("hourglass2", features=32)
    maps = model(torch.randn(2, 3, 64, 64))
    assert len(maps["stacks"]) == 2
    assert maps["stacks"][-1]["heatmap"] is maps["heatmap"]
    maps["stacks"][0]["heatmap"].sum().backward()
    assert model.stacks[0].heatmap_head.weight.grad is not None
    assert model.stacks[1].heatmap_head.weight.grad is None


def test_later_stacks_refine_earlier_ones():
    """The first stack's maps reach the second one: its output changes with them."""
    model = build_model("hourglass2", features=32).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = model(images)
        model.stacks[0].depth_head.bias += 1.0
        after = model(images)
    torch.testing.assert_close(after["stacks"][0]["heatmap"], before["stacks"][0]["heatmap"])
    assert not torch.allclose(after["heatmap"], before["heatmap"])
