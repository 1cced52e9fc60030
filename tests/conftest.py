"""What tests share: real labels where they are at hand, small prepared stores of stick people, small
stand-ins of all sets."""

from pathlib import Path

import pytest
import torch

from hpe_study.datasets import same_photos
from tests.apart import apart, refused  # noqa: F401  (fixtures)
from tests.stand_ins import maker
from tests.stick_people import stick_store
from tests.tiny_study import make_tiny_study

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """A cache apart from the user's: the folder that photographs' pairs are kept in."""
    monkeypatch.setattr(same_photos, "CACHE", tmp_path_factory.getbasetemp() / "cache")
    return same_photos.CACHE


@pytest.fixture(scope="session")
def real_data():
    """The folder of real label files; the test is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real label files (shared/realdata) are not at hand")
    return REAL_DATA


@pytest.fixture(scope="session")
def stick_stores(tmp_path_factory):
    """{(kind, split): Store}: a "2d" and a "3d" set of stick people."""
    made = {}
    for kind in ("2d", "3d"):
        folder = tmp_path_factory.mktemp(f"stick-{kind}")
        for split, count in (("train", 40), ("test", 16)):
            made[kind, split] = stick_store(
                folder,
                count,
                split,
                kind == "3d",
                in_memory=True,
                seed=len(kind) + count,
                name=f"stick{kind}",
            )
    return made


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory):
    """A `Study` of a few simulated people with two evaluated runs, in a project folder of its own. Read it,
    do not change it."""
    return make_tiny_study(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory):
    """name → the data root with that small stand-in, made once."""
    return maker(tmp_path_factory.mktemp("stand_ins"))


def pytest_collection_modifyitems(items):
    """The longest file first, so that it does not run alone at the end while the other process has nothing
    left to do."""
    items.sort(key=lambda item: item.path.name != "test_workflow.py")
