"""Tables from csv files: finite numbers or nothing, else one line that names file and column."""

import pytest

from hpe_study.errors import StudyError
from hpe_study.utils.tables import read_table


def read(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, "scores", ["name", "value"], ["value"], ["name"])


def test_a_table_is_read(tmp_path):
    table = read(tmp_path / "t.csv", "name,value,more\na,1.5,x\nb,,y\n")
    assert table["value"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not readable"),
        ("name,value\na,1,2,3\nb,1,2,3,4,5\n", "not readable"),
        (b"\xff\xfe\x00", "not readable"),
        ("name\na\n", "lacks the columns value"),
        ("name,value\na,inf\n", "column value"),
        ("name,value\na,<b>1</b>\n", "column value"),
        ("name,value\na,1e999\n", "column value"),
        ("name,value\n,1\n", "column name holds what is no text"),
        ("name,value\n5,1\n", "column name holds what is no text"),
        ("a," * 1_000_000, "no list of columns"),
        ("\n" + "a," * 1_000_000, "no list of columns"),
        ('"a\n",' * 1_000_000 + "name,value\n", "1,000,002 columns"),
        ("name,value\n" + "1," * 100_000 + "\n", "a row has more values"),
        ("name,value\na,b,1\nc,d,2\n", "a row has more values"),  # a and c would be an index, b a name
    ],
)
def test_anything_else_is_one_line(tmp_path, text, message):
    with pytest.raises(StudyError, match=rf"t\.csv: .*{message}"):
        read(tmp_path / "t.csv", text)
