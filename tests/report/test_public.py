"""The public weights' row: filled from a checkpoint in the original's layout, and without one it is said
where to obtain it."""

import pytest
import torch
from IPython.display import Markdown

from hpe_study.errors import StudyError
from hpe_study.report import public
from tests.models.test_checkpoints import OriginalNetwork


def test_without_weights_it_says_where_they_are():
    shown = public.shown(public.row(None, ""))
    assert isinstance(shown, Markdown)
    assert "github.com/xingyizhou/pytorch-pose-hg-3d" in shown.data


def test_a_checkpoint_fills_the_row_on_the_sets_at_hand(tiny_study, tmp_path):
    torch.manual_seed(0)
    torch.save({"state_dict": OriginalNetwork(18).state_dict()}, tmp_path / "public.pth")
    rows = public.row(tiny_study, tmp_path / "public.pth", "cpu")
    assert rows[["test_set", "protocol"]].to_numpy().tolist() == [["h36m", "published"], ["h36m", "study"]]
    assert (rows["value"] > 100).all()  # random weights
    page = public.shown(rows).to_html()
    assert "64.5" in page
    assert "simulated people" in page


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tiny_study, tmp_path):
    (tmp_path / "notes.pth").write_text("no weights")
    with pytest.raises(StudyError, match="notes.pth: not a checkpoint"):
        public.row(tiny_study, tmp_path / "notes.pth", "cpu")


def test_the_printed_row_is_the_papers():
    assert [public.printed(name) for name in ("h36m", "mpi_inf_3dhp", "occlusion_person")] == [
        64.55,
        179.05,
        200.96,
    ]
