"""Tests of the reading of pickled tables.

Authors
 * The speechbrain_pib developers 2026
"""

import ast
import csv
import os
import pickle
import re
import sys

import numpy as np
import pytest

from speechbrain_pib.utils import pickles
from speechbrain_pib.utils.pickles import (
    RefusedPickleError,
    read_pickled_table,
)
from tests.helpers import read_rows


class Call:
    """Pickles as a call of a function, which is what attacks are made of."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.fixture
def bait(tmp_path):
    """A file that appears when something in a pickle was run."""
    return tmp_path / "bait"


def hostile(bait):
    """Pickles that run something with pickle.load."""
    command = f"open({str(bait)!r}, 'w').close()"
    deep = [{"_data": [("x", Call(eval, command))]}]
    return {
        "os.system": pickle.dumps(Call(os.system, f"touch {bait}")),
        "builtins.eval": pickle.dumps(Call(eval, command)),
        "nested eval": pickle.dumps(deep),
        "protocol 0": pickle.dumps(Call(eval, command), protocol=0),
        "object array": pickle.dumps(np.array([Call(eval, command)])),
        "numpy.load": pickle.dumps(Call(np.load, str(bait), None, True)),
        "getattr": pickle.dumps(Call(getattr, "text", "upper")),
        "dotted name": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
        "through a module": b"\x80\x04\x8c\x05numpy\x8c\tos.system\x93.",
        "instance": f"(S{command!r}\ni__builtin__\neval\n.".encode(),
        "persistent": b"\x80\x04\x8c\x01x\x51.",
        "extension": b"\x80\x04\x82\x01.",
    }


@pytest.mark.parametrize("name", hostile("x"))
def test_hostile_pickle_is_refused_and_runs_nothing(name, tmp_path, bait):
    path = tmp_path / "table.pkl"
    path.write_bytes(hostile(bait)[name])
    with pytest.raises(ValueError, match="table.pkl"):
        read_pickled_table(str(path))
    assert not bait.exists()


def test_the_bait_is_real(bait):
    pickle.loads(hostile(bait)["builtins.eval"])
    assert bait.exists()


def test_refusal_names_the_file_and_what_it_wanted(tmp_path):
    path = tmp_path / "table.pkl"
    path.write_bytes(pickle.dumps(Call(os.system, "true")))
    with pytest.raises(RefusedPickleError, match=r"table.pkl.*(posix|nt)\.sys"):
        read_pickled_table(str(path))


def test_state_cannot_change_the_stand_ins(tmp_path):
    """BUILD on a class instead of an instance would set its attributes."""
    path = tmp_path / "table.pkl"
    for name in ("cnumpy\nndarray\n", "cpandas.core.frame\nDataFrame\n"):
        state = b"(N}S'parts'\nI1\nsS'manager'\nI1\nst"
        path.write_bytes(name.encode() + state + b"b.")
        with pytest.raises(ValueError):
            read_pickled_table(str(path))
    assert callable(pickles._Array.parts)
    assert callable(pickles._Frame.manager)


def test_partial_makes_blocks_and_nothing_else(tmp_path):
    path = tmp_path / "table.pkl"
    path.write_bytes(b"cfunctools\npartial\n(cnumpy\ndtype\ntR(I1\ntR.")
    with pytest.raises(ValueError, match="partial of something else"):
        read_pickled_table(str(path))


@pytest.mark.parametrize(
    "content", [b"", b"not a pickle", pickle.dumps([1, 2]), b"\x80\x04N."]
)
def test_what_is_not_a_table_is_an_error(content, tmp_path):
    path = tmp_path / "table.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="table.pkl is not a pickled pandas"):
        read_pickled_table(str(path))


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pickled_table(str(tmp_path / "table.pkl"))


def array(values):
    """A NumPy array as the unpickler makes it, of the same state."""
    values = np.asarray(values)
    stand_in = pickles._Array()
    stand_in.__setstate__(pickle_state(values))
    return stand_in


def pickle_state(values):
    """What NumPy pickles of an array, with a stand-in for its dtype."""
    version, shape, dtype, fortran, data = values.__reduce__()[2]
    code = pickles._Dtype(dtype.str[1:], False, True)
    code.__setstate__((3, dtype.str[0], None, None, None, -1, -1, 0))
    return version, shape, code, fortran, data


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<i8", ">i4", "<f4", "|b1", "<U3", "|O"])
def test_arrays_have_the_values_that_numpy_gives(order, kind):
    values = np.arange(6).reshape(2, 3).astype(kind)
    values = np.array(values, order=order)
    assert array(values).rows() == values.tolist()


def test_records_and_short_data_are_refused():
    record = array(np.zeros(2, dtype=[("a", "i4")]))
    with pytest.raises(ValueError, match="V4"):
        record.values()
    short = array(np.arange(3))
    short.state = (1, (1000,), *short.state[2:])
    with pytest.raises(ValueError, match="lacks values"):
        short.values()


def test_small_files_cannot_ask_for_much_memory(tmp_path):
    path = tmp_path / "table.pkl"
    for name in (b"r\xff\xff\xff\x00", b"p16777215\n"):
        path.write_bytes(b"\x80\x02N" + name + b".")
        with pytest.raises(ValueError, match="do not hold 16777215 values"):
            read_pickled_table(str(path))
    with pytest.raises(ValueError, match="without values"):
        array(np.zeros((1000, 0), "O")).rows()
    shared = ["noun"]
    for _ in range(10):
        shared = [shared, shared]
    plain = pickles._plain([shared, (shared, 1)], {})
    assert plain == [shared, [shared, 1]]
    assert plain[0] is plain[1][0] and plain[0][0] is plain[0][1]


def read_csv(path):
    """Columns of a CSV file."""
    rows = read_rows(path)
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_epic_kitchens_pickle_equals_its_csv(shared):
    folder = shared / "data/annotations/epic_kitchens_100"
    table = read_pickled_table(folder / "EPIC_100_validation.pkl")
    expected = read_csv(folder / "EPIC_100_validation.csv")
    assert list(table) == list(expected)
    assert len(table["narration_id"]) == 9668
    for name, column in expected.items():
        if name.startswith("all_"):
            column = [ast.literal_eval(value) for value in column]
        elif name.endswith(("_class", "_frame")):
            column = [int(value) for value in column]
        # pandas has NaN where a cell is empty.
        values = ["" if value != value else value for value in table[name]]
        assert values == column, name


def test_vggsound_pickle_equals_its_csv(shared):
    folder = shared / "data/annotations/vggsound"
    table = read_pickled_table(folder / "reference_test.pkl")
    with open(folder / "test.csv", newline="") as file:
        rows = sorted(tuple(row) for row in csv.reader(file))
    assert sorted(zip(table["video"], table["class"])) == rows
    assert len(set(table["class_id"])) == 309


def test_audioset_pickle_equals_its_csv(shared):
    folder = shared / "data/annotations/audioset"
    table = read_pickled_table(folder / "reference_test.pkl")
    classes = read_csv(folder / "class_labels_indices.csv")
    index = dict(zip(classes["mid"], map(int, classes["index"])))
    lines = (folder / "eval_segments.csv").read_text().splitlines()
    expected = {
        line.split(",")[0]: sorted(
            index[mid] for mid in re.findall(r"/\w+/\w+", line)
        )
        for line in lines
        if not line.startswith("#")
    }
    videos = [name.rsplit("_", 2)[0] for name in table["video"]]
    ids = map(sorted, table["class_ids"])
    assert dict(zip(videos, ids)) == expected
    assert len(videos) == 20371


def test_pandas_is_not_imported():
    assert "pandas" not in sys.modules
