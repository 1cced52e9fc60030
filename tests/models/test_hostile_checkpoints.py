"""Checkpoints of strangers: what is none of this study's is refused in one line that names the file."""

import io
import random

import pytest
import torch
from safetensors.torch import save_file

from hpe_study.config import NetworkConfig
from hpe_study.errors import StudyError
from hpe_study.evaluation.predictor import load_run_model
from hpe_study.models import build_model, load_weights, model_from_checkpoint

HEAD = "heatmap_head.weight"
ONE = torch.zeros(1)


def whole():
    network = NetworkConfig(model="narrow18", width=8, pretrained=False, input_size=64)
    preprocessing = {"order": "RGB", "divisor": 255.0, "mean": (0.5,) * 3, "std": (0.2,) * 3}
    state = build_model("narrow18", width=8).state_dict()
    return {"model": state, "network": network.model_dump(mode="json"), "preprocessing": preprocessing}


def changed(part, **values):
    def change(checkpoint):
        checkpoint[part].update(values)

    return change


def head(make):
    def change(checkpoint):
        checkpoint["model"][HEAD] = make(checkpoint["model"][HEAD])

    return change


def of_a_hundred_million_joints(checkpoint):
    """Of a few kB: what is expanded is stored once."""
    checkpoint["model"] |= {HEAD: ONE.expand(10**8, 64, 1, 1), "heatmap_head.bias": ONE.expand(10**8)}


FAULTS = {
    "no network": lambda checkpoint: checkpoint.pop("network"),
    "unknown setting": changed("network", x=1),
    "huge width": changed("network", width=10**5),
    "no mean": lambda checkpoint: checkpoint["preprocessing"].pop("mean"),
    "unknown order": changed("preprocessing", order="RBG"),
    "sparse": head(torch.Tensor.to_sparse),
    "a number": head(torch.Tensor.mean),
    "beyond float32": head(lambda weight: torch.full_like(weight, 1e300, dtype=torch.float64)),
    "float8": head(lambda weight: torch.full_like(weight, torch.nan).to(torch.float8_e4m3fn)),
    "huge head": of_a_hundred_million_joints,
    "odd key": lambda checkpoint: checkpoint.update(model={"deconv_layers.x": ONE, "conv1.weight": ONE}),
    "no heads": lambda checkpoint: checkpoint.update(model={"stem.0.weight": ONE, "stacks.0.x": ONE}),
}


def spoilt(path, fault):
    checkpoint = whole()
    FAULTS[fault](checkpoint)
    torch.save(checkpoint, path)
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04"])
def test_a_run_whose_checkpoint_file_is_not_one_is_refused(refused, tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    refused(load_run_model, tmp_path, names=tmp_path / "checkpoint.pt")


@pytest.mark.parametrize(
    "fault",
    [
        "no network",
        "unknown setting",
        "huge width",
        "no mean",
        "unknown order",
        "sparse",
        "odd key",
        "beyond float32",
        "float8",
    ],
)
def test_a_run_with_a_foreign_checkpoint_is_refused(refused, tmp_path, fault):
    spoilt(tmp_path / "checkpoint.pt", fault)
    refused(load_run_model, tmp_path, names=tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("fault", ["no mean", "unknown order", "sparse", "odd key"])
def test_weights_that_do_not_fit_are_refused_and_leave_the_model(refused, tmp_path, fault):
    path = tmp_path / "weights.pt"
    spoilt(path, fault)
    refused(loaded_or_left, path, names=path)


def loaded_or_left(path):
    model = build_model("narrow18", width=8)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    try:
        load_weights(model, path)
    finally:
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("fault", ["no mean", "unknown order", "sparse", "a number", "huge head", "no heads"])
def test_no_network_is_inferred_from_a_foreign_checkpoint(refused, tmp_path, fault):
    path = tmp_path / "weights.pt"
    spoilt(path, fault)
    refused(model_from_checkpoint, path, names=path)


# ---------------------------------------------------------------- thousands of damaged files


def small():
    """A whole checkpoint of few bytes."""
    checkpoint = whole()
    checkpoint["model"] = build_model("narrow18", width=1, deconv_channels=1).state_dict()
    checkpoint["network"]["width"] = 1
    return checkpoint


def saved(content, **options):
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def damaged(content, chance):
    """Bytes changed, cut off or left out."""
    content = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place = chance.choice(
            (chance.randrange(len(content)), chance.randrange(2_000), -chance.randrange(1, 9_000))
        )
        place %= len(content)
        length = chance.choice((1, 1, 1, 4, 30))
        new = chance.choice((chance.randbytes(length), bytes(length), b"\xff" * length, b"", None))
        if new is None:
            del content[chance.randrange(len(content)) :]
        else:
            content[place : place + length] = new
        if not content:
            return b"\0"
    return bytes(content)


ODD = (
    None, 0, -1, 10**30, float("nan"), "", "x" * 5_000, "a\nb", b"", (), [], {}, {1: 2}, {"items": 3}, True,
    ONE, ONE[0], ONE.expand(10**9), ONE.to_sparse(), ONE.bool(), ONE.to(torch.complex64), ONE.bfloat16(),
    torch.empty(3, device="meta"), torch.empty(0), torch.tensor([float("nan")]), torch.zeros(2, 3, 1, 1), torch.nn.Parameter(ONE),
)  # fmt: skip


def odd(checkpoint, chance):
    """A copy with a few entries, of it or of the dictionaries in it, exchanged, taken away or added."""
    checkpoint = {key: dict(part) if isinstance(part, dict) else part for key, part in checkpoint.items()}
    for _ in range(chance.choice((1, 1, 2, 6))):
        place = chance.choice([checkpoint, *(part for part in checkpoint.values() if isinstance(part, dict))])
        key = chance.choice(
            [*place, "stacks.0.x", "stem.0.weight", "deconv_layers.1.x", "conv1.weight", 3, ("a",)]
        )
        if chance.random() < 0.3:
            place.pop(key, None)
        else:
            place[key] = chance.choice(ODD)
    return checkpoint


def read_damaged(path, kind, seed, count):
    """Read so many damaged files; raises what is no `StudyError` of one line."""
    chance = random.Random(seed)
    checkpoint = small()
    good = {"zip": saved(checkpoint), "legacy": saved(checkpoint, _use_new_zipfile_serialization=False)}
    if kind == "safetensors":
        save_file(checkpoint["model"], path)
        good["safetensors"] = path.read_bytes()
    for number in range(count):
        bad = saved(odd(checkpoint, chance)) if kind == "odd" else damaged(good[kind], chance)
        path.write_bytes(bad)
        for read in (model_from_checkpoint, lambda path: load_run_model(path.parent)):
            try:
                read(path)
            except StudyError as error:
                message = str(error)
                if "\n" in message or len(message) > 2_000 or str(path.parent) not in message:
                    raise AssertionError(f"{kind} {number}: {message[:500]!r}") from error
            except BaseException as error:
                raise AssertionError(f"{kind} {number}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize(("kind", "count"), [("zip", 100), ("legacy", 30), ("safetensors", 60), ("odd", 15)])
def test_damaged_files_are_one_line(apart, tmp_path, kind, count):
    name = "checkpoint.safetensors" if kind == "safetensors" else "checkpoint.pt"
    ended = apart(read_damaged, tmp_path / name, kind, 0, count, seconds=120, memory=6 << 30)
    assert ended.kind == "nothing raised", f"{ended.kind}: {ended.message[:500]}"
    assert ended.grown < 500 << 20
