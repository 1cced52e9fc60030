"""The command line, and the same as a subcommand of the study's."""

import pytest

from hpe_study import cli as study_cli
from simulated_people.cli import main

ORDER = ["--train", "2", "--test", "1", "--size", "32", "--workers", "1", "--quiet"]


@pytest.mark.parametrize(
    "run", [lambda *argv: main(["make", *argv]), lambda *argv: study_cli.main(["simulate", *argv])]
)
def test_a_stand_in_is_made_or_one_line_says_why_not(tmp_path, capsys, run):
    assert run("mpii", str(tmp_path), *ORDER) == 0
    assert "simulated mpii" in capsys.readouterr().out
    assert (tmp_path / "mpii" / "annot" / "train.json").exists()
    assert run("nothing", str(tmp_path), *ORDER) == 1
    assert "no simulated stand-in is called 'nothing'" in capsys.readouterr().err


def test_options(tmp_path, capsys):
    order = [str(tmp_path), *ORDER, "--option"]
    assert main(["make", "mpii", *order, "matlab=true"]) == 0
    assert (tmp_path / "mpii" / "mpii_human_pose_v1_u12_1.mat").exists()
    assert main(["make", "h36m", *order, "layout=full"]) == 0
    assert (tmp_path / "h36m" / "S9" / "Directions-1" / "annot.h5").exists()
    capsys.readouterr()
    assert main(["make", "h36m", *order, "layout=mine"]) == 1
    assert "no option layout='mine'; options: layout='challenge' or 'full'" in capsys.readouterr().err
    assert main(["make", "h36m", *order, "layout"]) == 1
    assert "--option layout: is not KEY=VALUE" in capsys.readouterr().err
