"""What tests share: real labels where they are at hand, small prepared stores of stick people, small
stand-ins of all sets."""

import os
import shutil
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from hpe_study.datasets import same_photos
from hpe_study.study import Study
from tests.apart import apart, refused  # noqa: F401  (fixtures)
from tests.stand_ins import maker
from tests.stick_people import stick_store
from tests.tiny_study import OTHER, PROJECT, RUN, make_tiny_study

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "realdata"
LONGEST = (
    *(
        "test_workflow",
        "test_browser",
        "test_photos",
        "test_benchmarks",
        "test_quarter_hour",
        "test_reference",
    ),
    *("test_launcher", "test_whole_reading_order", "test_ledger", "test_pose_resnet"),
)
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
def shared_folder(tmp_path_factory):
    """The folder that all processes of this test run have in common."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def made_once(shared_folder):
    """(name, make) → a folder that `make` has filled, once for all processes of this test run; read only."""

    def made(name, make):
        folder, done = shared_folder / name, shared_folder / f".{name}.done"
        with FileLock(shared_folder / f".{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # where a first attempt failed
                make(folder)
                done.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def tiny_study(made_once):
    """A `Study` of a few simulated people with two evaluated runs, in a project folder of its own. Read it,
    do not change it."""
    return Study(made_once("tiny_study", make_tiny_study) / "params" / "quick.yaml")


@pytest.fixture
def own_tiny_study(tiny_study, tmp_path):
    """A copy of the tiny study that a test may add to."""
    home = shutil.copytree(tiny_study.home, tmp_path / "home", ignore=shutil.ignore_patterns("notebooks"))
    shutil.copytree(PROJECT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".ipynb_*"))
    return Study(home / "params" / "quick.yaml")


@pytest.fixture
def bare_runs(tiny_study, tmp_path):
    """A copy of the tiny study's runs without project around it: no parameter file, no pictures."""
    for name in (RUN, OTHER, "test_sets"):
        shutil.copytree(tiny_study.folder / name, tmp_path / "runs" / name)
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def stand_in(shared_folder):
    """name → the data root with that small stand-in, made once for all processes of this test run."""
    return maker(shared_folder / "stand_ins")


def pytest_collection_modifyitems(items):
    """The longest files first (`--no-loadscope-reorder` keeps this order), so that none runs alone at the end
    while the other process has nothing left to do."""
    rank = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(LONGEST)))
