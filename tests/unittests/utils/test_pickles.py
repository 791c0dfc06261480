"""Tests of the reading of pickled tables.

Authors
 * The speechbrain_pib developers 2026
"""

import ast
import csv
import math
import os
import pickle
import re
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from speechbrain_pib.utils import pickles
from speechbrain_pib.utils.pickles import (
    RefusedPickleError,
    read_pickled_table,
)
from tests.helpers import read_rows

ROOT = Path(__file__).resolve().parents[3]


class Call:
    """Pickles as a call of a function, which is what attacks are made of."""

    def __init__(self, function, *arguments, state=None):
        self.function, self.arguments = function, arguments
        self.state = state

    def __reduce__(self):
        return self.function, self.arguments, self.state


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


def test_state_cannot_change_what_names_stand_for(tmp_path):
    """BUILD on a class instead of an instance would set its attributes."""
    path = tmp_path / "table.pkl"
    for name in ("cnumpy\nndarray\n", "cpandas.core.frame\nDataFrame\n"):
        for key in ("arguments", "state", "__new__", "__name__"):
            state = f"(N}}S'{key}'\nI1\nst"
            path.write_bytes(f"{name}{state}b.".encode())
            with pytest.raises(ValueError):
                read_pickled_table(str(path))
    test_tables_of_all_versions_are_read(TABLES[0])


def test_calls_are_not_made(tmp_path):
    """NumPy itself would take the bytes for an address, and crash."""
    path = tmp_path / "table.pkl"
    calls = (
        b"cnumpy\nndarray\n((I1\ntS'O'\nS'AAAAAAAA'\ntR.",
        b"cfunctools\npartial\n(cnumpy\nndarray\ntR((I1\ntS'O'\ntR.",
    )
    for call in calls:
        path.write_bytes(call)
        with pytest.raises(ValueError, match="is not a pickled pandas table"):
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


TABLES = sorted((ROOT / "tests/fixtures/pickles").glob("*.pkl"))
COLUMNS = {
    "narration_id": ["P01_11_0", "P01_11_1", "P02_01_0"],
    "start": [0.5, 1.25, 2.0],
    "verb_class": [3, 0, -96],
    "small": [1, 2, 255],
    "unseen": [True, False, False],
    "narration": ["take plate", None, "sauté onion"],
    "scalars": [3, 0.5, True],
    "lists": [["plate"], [], ["pan:frying", ["a", 1]]],
    "arrays": [[1, -2], ["a", "sauté"], []],
    "7": ["a", "b", ""],
}


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_tables_of_all_versions_are_read(path):
    table = read_pickled_table(path)
    if path.stem.startswith("numbered"):
        assert table.pop("index") == [0, 1, 3]
    if "-3." in path.stem:  # A missing text is NaN from pandas 3 on.
        assert math.isnan(table["narration"][1])
        table["narration"][1] = None
    assert list(table) == list(COLUMNS)
    assert table == COLUMNS
    for name, column in table.items():
        for value, expected in zip(column, COLUMNS[name]):
            assert type(value) is type(expected)


def test_there_are_tables_of_each_version():
    versions = {path.stem.split("-")[1][0] for path in TABLES}
    assert versions == {"1", "2", "3"}


def test_tables_are_read_where_there_is_no_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for path in TABLES:
        test_tables_of_all_versions_are_read(path)


def read_pickled(values):
    """What is read of a NumPy array as NumPy pickles it."""
    node = pickles._TableUnpickler(pickle.dumps(values)).load()
    return pickles._array(node).tolist()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<i8", ">i4", "<f4", "|b1", "<U3", "|O"])
def test_arrays_have_the_values_that_numpy_gives(order, kind):
    values = np.arange(6).reshape(2, 3).astype(kind)
    values = np.array(values, order=order)
    assert read_pickled(values) == values.tolist()


def test_records_are_refused():
    with pytest.raises(ValueError, match="V4"):
        read_pickled(np.zeros(2, dtype=[("a", "i4")]))


class Name:
    """A name in a pickle, of what need not exist."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self):
        """Pickle wants to reduce to what can be called."""


class Pickler(pickle._Pickler):
    """Writes names as they are."""

    def save(self, value, *options):
        if isinstance(value, Name):
            name = f"{value.module}\n{value.name}\n"
            self.write(pickle.GLOBAL + name.encode())
        else:
            super().save(value, *options)


def array(values, shape=None, kind=None):
    """A NumPy array, perhaps of another shape or kind than its values."""
    values = np.asarray(values)
    data = values.tolist() if values.dtype == object else values.tobytes()
    dtype = Call(Name("numpy", "dtype"), kind or values.dtype.str[1:])
    reconstruct = Name("numpy.core.multiarray", "_reconstruct")
    state = (1, shape or values.shape, dtype, False, data)
    return Call(reconstruct, Name("numpy", "ndarray"), (0,), b"b", state=state)


def index(**fields):
    """A pandas.Index of data, or of start, stop and step."""
    base = "pandas.core.indexes.base"
    return Call(Name(base, "_new_Index"), Name(base, "Index"), fields)


def slices(start, stop):
    return Call(Name("builtins", "slice"), start, stop, 1)


def write_table(path, blocks, columns, rows):
    """A DataFrame of blocks (values, places) and two indices."""
    block = Name("pandas._libs.internals", "_unpickle_block")
    blocks = tuple(Call(block, *pair, 2) for pair in blocks)
    manager = Name("pandas.core.internals.managers", "BlockManager")
    state = {"_mgr": Call(manager, blocks, [columns, rows])}
    frame = Call(Name("pandas", "DataFrame"), state=state)
    with open(path, "wb") as file:
        Pickler(file).dump(frame)


def named(*names):
    """An index of names."""
    data = np.empty(len(names), object)
    data[:] = names
    return index(data=array(data), name=None)


NAMED = named("a", "b")
ROWS = index(start=0, stop=3, step=1, name=None)
VALUES = array(np.arange(6).reshape(2, 3))


def test_the_tables_of_these_tests_are_right(tmp_path):
    path = tmp_path / "table.pkl"
    write_table(path, [(VALUES, slices(0, 2))], NAMED, ROWS)
    expected = {"index": [0, 1, 2], "a": [0, 1, 2], "b": [3, 4, 5]}
    assert read_pickled_table(path) == expected


def arrow(text, stops):
    """An array of text, as pyarrow stores it."""
    large = Call(Name("pyarrow.lib", "type_for_alias"), "large_string")
    buffer = Name("pyarrow.lib", "py_buffer")
    buffers = [None, *(Call(buffer, x) for x in (stops.tobytes(), text))]
    parts = (large, len(stops) - 1, 0, 0, buffers, [], None)
    state = {"_pa_array": Call(Name("pyarrow.lib", "_restore_array"), parts)}
    return Call(Name("pandas.arrays", "ArrowStringArray"), state=state)


LOTS = index(start=0, stop=2**40, step=1)
NOTHING = np.zeros(0)
ZEROS = array(np.zeros((1, 20000)))
GREEDY = {
    "rows of a range": ([], NAMED, LOTS),
    "columns of a range": ([(VALUES, slices(0, 2**40))], LOTS, ROWS),
    "rows without columns": (
        [(array(NOTHING, (0, 2**40)), slices(0, 0))],
        index(data=array(NOTHING, kind="O")),
        LOTS,
    ),
    "columns without rows": (
        [(array(NOTHING, (2**27, 0)), slices(0, 2**27))],
        index(start=0, stop=2**27, step=1),
        index(start=0, stop=0, step=1),
    ),
    "a block without rows": (
        [(array(NOTHING, (2**27, 0)), slices(0, 2**27))],
        NAMED,
        ROWS,
    ),
    "shared columns": (
        [(ZEROS, slices(column, column + 1)) for column in range(2000)],
        index(start=0, stop=2000, step=1),
        index(start=0, stop=20000, step=1),
    ),
    "a cell without values": (
        [(array([array(NOTHING, (2**27, 0))], (1, 1), "O"), slices(0, 1))],
        named("a"),
        index(start=0, stop=1, step=1),
    ),
    "shared text": (
        [(arrow(b"x" * 10**5, np.tile([0, 10**5], 1000)), slices(0, 1))],
        named("a"),
        index(start=0, stop=1999, step=1),
    ),
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_small_file_cannot_ask_for_much_memory(name, tmp_path):
    path = tmp_path / "table.pkl"
    write_table(path, *GREEDY[name])
    assert path.stat().st_size < 4e5
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="is not a pickled pandas table"):
            read_pickled_table(path)
        assert tracemalloc.get_traced_memory()[1] < 2e7
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "opcodes",
    [
        b"Nr\xff\xff\xff\x0f.",  # a value at place 2**28
        b"\x96" + (2**30).to_bytes(8, "little") + b".",  # so many bytes
        b"\x8e" + (2**30).to_bytes(8, "little") + b".",
    ],
)
def test_numbers_in_a_file_take_no_memory(opcodes, tmp_path):
    path = tmp_path / "table.pkl"
    path.write_bytes(b"\x80\x05" + opcodes)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="is not a pickled pandas table"):
            read_pickled_table(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_depth_cannot_crash_python(tmp_path):
    """Python crashes on the hash of a tuple in a million others."""
    path = tmp_path / "table.pkl"
    path.write_bytes(b"\x80\x02})" + b"\x85" * 10**6 + b"Ns.")
    with pytest.raises(ValueError, match="tuples in one another"):
        read_pickled_table(path)
    path.write_bytes(b"\x80\x02" + b"]" * 10**6 + b"a" * (10**6 - 1) + b".")
    with pytest.raises(ValueError, match="it holds a list"):
        read_pickled_table(path)


def test_a_list_that_cells_share_is_made_once(tmp_path):
    shared = ["noun"]
    for _ in range(40):
        shared = [shared, shared]
    cells = np.empty(3, object)
    cells[:] = [shared, (shared, 1), shared]
    path = tmp_path / "table.pkl"
    blocks = [(array(cells, (1, 3)), slices(0, 1))]
    write_table(path, blocks, named("a"), ROWS)
    one, two, three = read_pickled_table(path)["a"]
    assert one is three and one is two[0] and one[0] is one[1]


@pytest.mark.parametrize(
    "values",
    [
        array(np.arange(5), (2, 3)),
        array(np.arange(6), (2, 3), "M8"),
        array(np.arange(6), (2, 3), "O"),
        array(np.arange(8).reshape(2, 4)),
        array(np.array([[{}, {}, {}]] * 2)),
        Call(Name("builtins", "slice"), 0, 6, 1),
        [[1, 2, 3], [4, 5, 6]],
    ],
)
def test_values_that_do_not_fit_are_refused(values, tmp_path):
    path = tmp_path / "table.pkl"
    write_table(path, [(values, slices(0, 2))], NAMED, ROWS)
    with pytest.raises(ValueError, match="is not a pickled pandas table"):
        read_pickled_table(path)


@pytest.mark.parametrize(
    "places, columns",
    [
        (slices(0, 1), NAMED),
        (slices(0, 1), named("a")),
        (slices(1, 3), NAMED),
        (slices(10**9, 10**9 + 2), NAMED),
        (array(np.array([0, -1])), NAMED),
        (slices(0, 2), named("a", ("a", "b"))),
    ],
)
def test_columns_have_one_place_and_one_name(places, columns, tmp_path):
    path = tmp_path / "table.pkl"
    write_table(path, [(VALUES, places)], columns, ROWS)
    with pytest.raises(ValueError, match="is not a pickled pandas table"):
        read_pickled_table(path)


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
