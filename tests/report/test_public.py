"""The public weights' row: filled from a checkpoint in the original's layout, empty without one."""

import pytest
import torch

from hpe_study.errors import StudyError
from hpe_study.report.public import COLUMNS, score_weights
from tests.models.test_checkpoints import OriginalNetwork


def test_without_weights_there_are_no_rows():
    rows = score_weights(None, "")
    assert rows.empty
    assert list(rows.columns) == COLUMNS


def test_a_checkpoint_fills_the_row_on_the_sets_at_hand(tiny_study, tmp_path):
    torch.manual_seed(0)
    torch.save({"state_dict": OriginalNetwork(18).state_dict()}, tmp_path / "public.pth")
    rows = score_weights(tiny_study, tmp_path / "public.pth", "cpu")
    assert rows[["test_set", "protocol"]].to_numpy().tolist() == [["h36m", "published"], ["h36m", "study"]]
    assert (rows["value"] > 100).all()  # random weights
    assert set(rows["origin"]) == {"simulated"}


def test_a_file_that_is_no_checkpoint_is_refused_by_name(tiny_study, tmp_path):
    (tmp_path / "notes.pth").write_text("no weights")
    with pytest.raises(StudyError, match="notes.pth: not a checkpoint"):
        score_weights(tiny_study, tmp_path / "notes.pth", "cpu")
