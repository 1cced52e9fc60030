"""`hpe-study data …` and `python -m hpe_study.datasets …`."""

import cv2
import pytest

from hpe_study import cli
from hpe_study.datasets.commands import main
from tests.datasets import raw_layouts


def test_the_command_line(tmp_path, capsys):
    raw_layouts.lsp(tmp_path)
    assert main(["check", str(tmp_path)]) == 0
    assert "lsp_extended" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "elsewhere")]) == 1
    assert "elsewhere: no such folder" in capsys.readouterr().err
    out = tmp_path / "page.png"
    assert (
        main(["contact-sheet", "lsp", str(tmp_path), "--split", "test", "--n", "2", "--out", str(out)]) == 0
    )
    assert cv2.imread(str(out)) is not None
    assert (
        main(
            [
                "contact-sheet",
                "lsp",
                str(tmp_path),
                "--split",
                "test",
                "--n",
                "1",
                "--out",
                str(tmp_path / "new" / "page.png"),
            ]
        )
        == 0
    )
    assert (
        main(["contact-sheet", "lsp", str(tmp_path), "--split", "test", "--out", str(tmp_path / "page.xyz")])
        == 1
    )
    assert "page.xyz: the name must end in one of" in capsys.readouterr().err
    assert (
        main(["contact-sheet", "lsp", str(tmp_path), "--split", "test", "--out", str(out / "page.png")]) == 1
    )
    assert "cannot be written to" in capsys.readouterr().err
    assert main(["check", "x" * 300]) == 1
    assert "File name too long" in capsys.readouterr().err
    assert main(["contact-sheet", "coco", str(tmp_path)]) == 1
    assert "no data set is called 'coco'" in capsys.readouterr().err
    assert main(["contact-sheet", "h36m", str(tmp_path), "--option", "layout=full"]) == 1
    assert "h36m: not there" in capsys.readouterr().err
    assert main(["contact-sheet", "lsp", str(tmp_path), "--option", "layout"]) == 1
    assert capsys.readouterr().err.endswith("is not KEY=VALUE\n")
    assert main(["contact-sheet", "lsp", str(tmp_path), "--option", "split=train"]) == 1
    assert capsys.readouterr().err.endswith("split is no option of a data set\n")
    assert main(["contact-sheet", "h36m", str(tmp_path), "--option", f"every={'9' * 5000}"]) == 1
    assert "h36m: not there" in capsys.readouterr().err


def test_both_names_of_the_commands_run_the_same(tmp_path, capsys):
    raw_layouts.lsp(tmp_path)
    assert main(["check", str(tmp_path)]) == cli.main(["data", "check", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.split("\nset ", 1)
    assert f"set {second}" == first + "\n"
    with pytest.raises(SystemExit):
        cli.main(["data", "--help"])
    assert "usage: hpe-study data" in capsys.readouterr().out
