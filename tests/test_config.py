"""Parameter files: what fits is read, what does not is one line that names file, key and what is allowed."""

from pathlib import Path

import pytest
import yaml

from hpe_study.errors import StudyError
from hpe_study.parameter_files import read_profile
from hpe_study.study import Run
from hpe_study.study.runs import stage_config

QUICK = "params/quick.yaml"


def written(tmp_path, change):
    values = yaml.safe_load(Path(QUICK).read_text())
    change(values)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.parametrize("name", [path.stem for path in sorted(Path("params").glob("*.yaml"))])
def test_shipped_profiles_are_read(name):
    assert read_profile(f"params/{name}.yaml").name == name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda v: v.update(epoch=3), ["unknown key 'epoch'", "allowed here", "simulate_size"]),
        (lambda v: v["network"].update(widht=3), ["unknown key 'network.widht'", "width"]),
        (lambda v: v["stage1"].update(epochs="many"), ["stage1.epochs", "integer", "'many'"]),
        (lambda v: v["stage1"].update(learning_rate=-1), ["stage1.learning_rate", "greater than 0"]),
        (lambda v: v["stage2"].update(drop_after=[5]), ["stage2", "drop_after [5]", "2 epochs"]),
        (lambda v: v.update(two_d=["coco"]), ["two_d", "'coco'", "mpii, lsp, flic"]),
        (lambda v: v.update(seeds=[]), ["seeds", "at least 1"]),
        (lambda v: v["network"].update(input_size=50), ["network", "input_size 50", "multiple of 32"]),
        (lambda v: v.pop("data_root"), ["'data_root' is missing"]),
        (lambda v: v.update(simulate={"h36m": {}}), ["'simulate' is called otherwise now", "sets:"]),
        (lambda v: v.update(datasets={}), ["'datasets'", "options"]),
        (lambda v: v["sets"].update(mine={}), ["sets.mine", "needs a reader", "3dpw"]),
        (lambda v: v["sets"]["mpii"].update(options={"input_size": 3}), ["sets.mpii.options", "input_size"]),
        (lambda v: v.update(two_d=[]), ["two_d", "table 1 needs"]),
        (lambda v: v.update(seeds=[10**20]), ["seeds.0"]),
        (lambda v: v.update(analyses=["tabel1"]), ["analyses", "tabel1"]),
        (lambda v: v.update(two_d=["mpii", "mpii"]), ["two_d", "twice"]),
        (lambda v: v["stage1"].update(ema=float("nan")), ["stage1.ema"]),
    ],
)
def test_a_wrong_file_is_one_line_that_says_what_to_do(tmp_path, change, named):
    path = written(tmp_path, change)
    with pytest.raises(StudyError) as caught:
        read_profile(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert all(part in message for part in named), message


def test_absent_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(StudyError, match="no such parameter file"):
        read_profile(tmp_path / "absent.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1,\nb: }")
    with pytest.raises(StudyError, match="broken.yaml: not readable as YAML"):
        read_profile(broken)
    broken.write_text("- 1")
    with pytest.raises(StudyError, match="holds list"):
        read_profile(broken)


def test_the_hash_follows_what_the_run_depends_on(tmp_path):
    base = read_profile(QUICK)
    other = read_profile(written(tmp_path, lambda v: v["stage3"].update(learning_rate=1e-5)))
    assert stage_config(base, Run(1, "mpii")).hash == stage_config(other, Run(1, "mpii")).hash
    assert (
        stage_config(base, Run(3, "mpii", "h36m", "h36m")).hash
        != stage_config(other, Run(3, "mpii", "h36m", "h36m")).hash
    )
    assert stage_config(base, Run(1, "mpii")).hash != stage_config(base, Run(1, "mpii", seed=1)).hash


def test_doubled_epochs_stretch_the_drops_too():
    paper = read_profile("params/paper.yaml")
    assert stage_config(paper, Run(1, "lsp", epoch_scale=2)).training.epochs == 280
    assert stage_config(paper, Run(1, "lsp", epoch_scale=2)).training.drop_after == (180, 240)


def test_large_sets_have_their_own_3d_only_schedule():
    paper = read_profile("params/paper.yaml")
    assert paper.training(2, None, "mpi_inf_3dhp").batch_size == 128
    assert paper.training(2, None, "h36m").epochs == 60
    assert paper.training(2, "mpii", "mpi_inf_3dhp").depth_weight == 0.1
