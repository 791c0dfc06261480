"""Pickled tables, read without executing what they contain.

A pickle is a program: `pickle.load` and `pandas.read_pickle` run whatever it
names. Here the few names that a pickled pandas.DataFrame needs stand for
records of what was asked of them, from which NumPy makes the columns, and
every other name is refused. The names do not lead to pandas itself, which
trusts what it is given: the place of a block, the buffer of an array and the
state of a dtype can make it write anywhere in memory.

Authors
 * The speechbrain_pib developers 2026
"""

import io
import math
import pickle
import re

import numpy as np

# Bool, integers, floats, text, byte strings and objects; no records.
DTYPE = re.compile(r"[?biufSUO]\d*")
STOPS = {"string": "<i4", "large_string": "<i8"}  # of pyarrow's texts
MOST_NESTED = 20  # tuples in tuples


class RefusedPickleError(ValueError):
    """A pickle that names what a table of plain values does not need."""


class _Node:
    """What a pickle asked of a name: arguments of a call, and a state.

    It has `__setstate__` lest the unpickler sets attributes by itself.
    """

    def __new__(cls, *arguments):
        node = super().__new__(cls)
        node.arguments, node.state = arguments, None
        return node

    def __call__(self, *arguments):
        """A call of functools.partial(name)."""
        return type(self)(*arguments)

    def __setstate__(self, state):
        self.state = state


# Those of pandas 1 to 3, with and without pyarrow, and of NumPy 1 and 2.
NAMES = """
    __builtin__.bytearray __builtin__.bytes __builtin__.slice builtins.slice
    _codecs.encode functools.partial numpy.dtype numpy.ndarray
    numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct
    numpy.core.multiarray.scalar numpy._core.multiarray.scalar
    numpy.core.numeric._frombuffer numpy._core.numeric._frombuffer
    pandas.DataFrame pandas.core.frame.DataFrame
    pandas.Index pandas.core.indexes.base.Index
    pandas.RangeIndex pandas.core.indexes.range.RangeIndex
    pandas.core.indexes.numeric.Int64Index pandas.core.indexes.base._new_Index
    pandas.core.internals.managers.BlockManager
    pandas.core.internals.blocks.new_block
    pandas._libs.internals._unpickle_block
    pandas.StringDtype pandas.arrays.StringArray
    pandas._libs.arrays.__pyx_unpickle_NDArrayBacked
    pandas.arrays.ArrowStringArray pyarrow.lib._restore_array
    pyarrow.lib.py_buffer pyarrow.lib.type_for_alias
""".split()
KINDS = {
    kind: type(kind, (_Node,), {})
    for kind in {name.rpartition(".")[2] for name in NAMES}
}


def _bounded(load):
    """A way to make tuples that makes none which are deeply nested: Python
    would overflow its stack when it takes their hash."""

    def load_bounded(self):
        load(self)
        made = self.stack[-1]
        depths = [self.depths.get(id(v), 0) for v in made if type(v) is tuple]
        self.depths[id(made)] = depth = 1 + max(depths, default=0)
        if depth > MOST_NESTED:
            raise ValueError(f"more than {MOST_NESTED} tuples in one another")

    return load_bounded


class PlainUnpickler(pickle._Unpickler):
    """Makes lists, numbers and text, and nothing that has a name.

    This is the unpickler in Python: that in C makes room for all places that
    a file speaks of, and cannot be bounded.

    Arguments
    ---------
    data : bytes
        The content of a file.

    Example
    -------
    >>> PlainUnpickler(pickle.dumps([1, "a"])).load()
    [1, 'a']
    """

    dispatch = dict(pickle._Unpickler.dispatch)
    for opcode in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3):
        dispatch[opcode[0]] = _bounded(dispatch[opcode[0]])
    # Makes room for as many bytes as the file says before it reads them.
    dispatch[pickle.BYTEARRAY8[0]] = dispatch[pickle.BINBYTES8[0]]

    def __init__(self, data):
        super().__init__(io.BytesIO(data))
        self.depths = {}  # id of a tuple -> tuples in one another

    def find_class(self, module, name):
        """Refuses it."""
        raise RefusedPickleError(f"{module}.{name}")


class _TableUnpickler(PlainUnpickler):
    """Makes nodes of the names in `NAMES`."""

    def find_class(self, module, name):
        """The node of a name, or RefusedPickleError."""
        if "." in name or f"{module}.{name}" not in NAMES:
            return super().find_class(module, name)
        return KINDS[name]


def read_pickled_table(path):
    """Read a pickled pandas.DataFrame without pandas, and without running
    what the file says.

    Arguments
    ---------
    path : str
        A .pkl file of pandas 1 (from 1.1), 2 or 3, with columns of numbers,
        text or lists.

    Returns
    -------
    table : dict
        Column name -> list of values, in the order of the file. The index
        comes first, under its name or "index", unless a column has that name.

    Raises
    ------
    RefusedPickleError
        If the file names anything but tables and arrays. Nothing in it was
        called.
    ValueError
        If it is not a pickled table, or has columns of other types.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "hostile.pkl")
    >>> with open(path, "wb") as file:
    ...     _ = file.write(b"cos\\nsystem\\n(S'echo pwned'\\ntR.")
    >>> read_pickled_table(path)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    RefusedPickleError: hostile.pkl: refused, it names os.system
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
        return _columns(_TableUnpickler(data).load(), len(data))
    except OSError:
        raise
    except RefusedPickleError as error:
        raise RefusedPickleError(
            f"{path}: refused, it names {error}, which a table of plain values "
            "does not need: another kind of column, or an attack; nothing was "
            "run. If you trust the file, convert it to CSV yourself"
        ) from None
    except Exception as error:  # A wrong pickle can raise anything.
        raise ValueError(
            f"{path} is not a pickled pandas table that can be read here "
            f"({type(error).__name__}: {error}); convert it to CSV"
        ) from error


def _columns(frame, size):
    """The columns of a data frame from a file of so many bytes."""
    if not isinstance(frame, KINDS["DataFrame"]):
        raise ValueError(f"it holds a {type(frame).__name__}")
    blocks, (names, index) = _parts(frame.state)
    (_, names), (index_name, index) = _index(names), _index(index)
    # Rows of a range take no bytes, nor do columns that share their values.
    if not 0 < len(names) * len(index) <= size:
        raise ValueError(f"{len(names)} x {len(index)} cells in {size} bytes")
    columns = {}
    for values, places in blocks:
        rows = np.atleast_2d(_array(values))
        if rows.shape[1:] != (len(index),):
            raise ValueError(f"{len(index)} rows, values of {rows.shape}")
        columns.update(zip(_places(places), rows, strict=True))
    table = {"index" if index_name is None else index_name: index}
    table.update((name, columns[n]) for n, name in enumerate(_list(names)))
    if not all(type(name) in (str, int) for name in table):
        raise ValueError("columns without plain names")
    known = {}
    return {
        str(name): [_plain(value, known) for value in _list(column)]
        for name, column in table.items()
    }


def _parts(state):
    """Blocks (values, places), and the two axes of a data frame."""
    manager = state["_mgr"] if "_mgr" in state else state["_data"]
    if manager.arguments:
        blocks, axes = manager.arguments
        return [block.arguments[:2] for block in blocks], axes
    state = manager.state[3]["0.14.1"]  # of pandas 1.0 to 1.2
    blocks = [(b["values"], b["mgr_locs"]) for b in state["blocks"]]
    return blocks, state["axes"]


def _index(node):
    """The name of an index, and its values: an array, or a range."""
    fields = node.arguments[1]
    if "data" in fields:
        return fields.get("name"), _array(fields["data"])
    span = fields["start"], fields["stop"], fields["step"]
    return fields.get("name"), range(*span)


def _places(node):
    """Which columns a block has."""
    if isinstance(node, KINDS["slice"]):
        return range(*node.arguments)
    return _list(_array(node))


def _list(values):
    """The values of a range, or of an array of one axis."""
    if isinstance(values, range):
        return list(values)
    if values.ndim != 1:
        raise ValueError(f"an array of shape {values.shape}")
    return values.tolist()


def _array(node):
    """The NumPy array that a node describes."""
    match type(node).__name__:
        case "_frombuffer":
            data, dtype, shape, order = node.arguments
        case "_reconstruct":
            _, shape, dtype, fortran, data = node.state
            order = "F" if fortran else "C"
        case "__pyx_unpickle_NDArrayBacked":  # text
            return _array(node.state[1])
        case "ArrowStringArray":
            return _arrow_text(*node.state["_pa_array"].arguments[0])
        case other:
            raise ValueError(f"{other} is no array")
    dtype = _dtype(dtype)
    if dtype.hasobject:  # Objects are listed row by row in any case.
        return np.fromiter(data, dtype, len(data)).reshape(shape)
    return np.frombuffer(_bytes(data), dtype).reshape(shape, order=order)


def _arrow_text(kind, length, _, first, buffers, *_others):
    """The text of pyarrow's buffers, NaN where there is none."""
    valid, stops, text = (b if b is None else _bytes(b) for b in buffers)
    stops = np.frombuffer(stops, STOPS[kind.arguments[0]])
    stops = stops[first : first + length + 1]
    if stops.min() < 0 or (np.diff(stops) < 0).any():
        raise ValueError("text that overlaps")
    here = np.ones(len(stops) - 1, bool)
    if valid is not None:
        bits = np.frombuffer(valid, np.uint8)
        here = np.unpackbits(bits, bitorder="little")[first : first + length]
    texts = [
        bytes(text[start:stop]).decode() if there else math.nan
        for start, stop, there in zip(stops[:-1], stops[1:], here, strict=True)
    ]
    return np.array(texts, object)


def _dtype(node):
    """The dtype that a node describes."""
    code = node.arguments[0]
    if not DTYPE.fullmatch(code):
        raise ValueError(f"columns of type {code!r} are not supported")
    return np.dtype(code).newbyteorder(node.state[1] if node.state else "=")


def _bytes(data):
    """Bytes, which older protocols make by calls, of Latin-1 text."""
    while isinstance(data, _Node):
        data = data.arguments[0] if data.arguments else b""
    return data.encode("latin1") if isinstance(data, str) else data


def _plain(value, known):
    """A cell without nodes; a list that several cells share is made once, lest
    a small file grows without bounds."""
    if type(value).__name__ == "scalar":
        dtype, data = value.arguments
        return np.frombuffer(_bytes(data), _dtype(dtype))[0].item()
    if isinstance(value, (_Node, list, tuple)):
        if id(value) not in known:
            array = isinstance(value, _Node)
            items = _list(_array(value)) if array else value
            known[id(value)] = [_plain(item, known) for item in items]
        return known[id(value)]
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise ValueError(f"a cell of type {type(value).__name__}")
