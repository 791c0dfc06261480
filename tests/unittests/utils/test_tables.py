"""Tables that others wrote."""

import csv

import pytest

from speechbrain_pib.utils.tables import (
    read_csv,
    read_rows,
    read_whole_number,
)


def test_rows_are_those_of_the_csv_module(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('\ufeffa,b\r\n"x, ""y""",5" pipe\r\n', encoding="utf-8")
    with open(path, newline="", encoding="utf-8-sig") as file:
        expected = list(csv.reader(file))
    assert [values for _, values in read_csv(path)] == expected
    assert expected == [["a", "b"], ['x, "y"', '5" pipe']]


@pytest.mark.parametrize(
    "content, message",
    [
        ("a,b\n1,2\n".encode("utf-16"), "is not UTF-8 text"),
        ("a,b\n1,2\n".encode("utf-16-le"), "line 1: .*NUL"),
        ("a,b\n1,\xe9\n".encode("latin-1"), "is not UTF-8 text"),
        (b"a,b\n1,2\n3,\0\n", "line 3: .*NUL"),
        (b"a,b\n1,2\n3," + b"x" * 131_073, "line 3: .*field larger than"),
        (b'a,b\n1,2\n\n3,"x\n4,y\n5,z\n', "line 4: .*unexpected end"),
        (b'a,b\n1,"x"y\n', "line 2: .*expected after"),
    ],
)
@pytest.mark.parametrize("read", [read_csv, read_rows])
def test_what_is_no_csv_is_an_error_with_file_and_line(
    tmp_path, read, content, message
):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"list.csv.*{message}"):
        list(read(path))


def test_rows_by_column_may_end_before_columns_that_nobody_needs(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1\n", encoding="utf-8")
    assert list(read_rows(path, ["a"])) == [(2, {"a": "1", "b": None})]
    with pytest.raises(ValueError, match="list.csv, line 2: .*'a', 'b'"):
        list(read_rows(path, ["b"]))


@pytest.mark.parametrize("content", ["", "a;b\n1;2\n"])
def test_a_column_that_is_not_there_is_named(tmp_path, content):
    path = tmp_path / "list.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="list.csv has no column b; it has"):
        list(read_rows(path, ["b"]))


def test_more_values_than_columns_are_an_error(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("a,b\n1,2,3\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: .*'1', '2', '3'"):
        list(read_rows(path))


@pytest.mark.parametrize("value", ["3", "3.0", "3.", " 3 ", 3, 3.0])
def test_whole_numbers_may_be_written_as_floats(value):
    number = read_whole_number(value)
    assert number == 3 and type(number) is int


@pytest.mark.parametrize("value", ["3.5", "", "nan", "1e3", "0x3", True, None])
def test_other_numbers_are_an_error(value):
    with pytest.raises(ValueError, match="is not a whole number"):
        read_whole_number(value)
