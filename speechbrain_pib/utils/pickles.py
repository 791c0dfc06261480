"""Pickled tables, read without executing what they contain.

A pickle is a program: `pickle.load` and `pandas.read_pickle` run whatever it
names. Here the few names that a pickled pandas.DataFrame needs stand for
inert classes of this module, and every other name is refused.

Authors
 * The speechbrain_pib developers 2026
"""

import math
import os
import pickle
import pickletools
import re

import numpy as np

# Bool, integers, floats, text, byte strings; no objects, no records.
DTYPE = re.compile(r"[?biufSU]\d*")


class RefusedPickleError(ValueError):
    """A pickle that names what a table of plain values does not need."""


class _Inert:
    """What a name in a pickle stands for: it keeps what it is given.

    It has `__setstate__` lest the unpickler sets attributes by itself.
    """

    def __new__(cls, *arguments):
        """Also what NEWOBJ calls, without __init__."""
        inert = super().__new__(cls)
        inert.arguments, inert.state = arguments, None
        return inert

    def __setstate__(self, state):
        self.state = state


class _Dtype(_Inert):
    """numpy.dtype(code, align, copy), with a state of (3, byte order, ...)."""

    def numpy(self):
        """The dtype of numbers or text; None for objects."""
        code = str(self.arguments[0])
        if code in ("O", "O8"):
            return None
        if not DTYPE.fullmatch(code):
            raise ValueError(f"columns of type {code!r} are not supported")
        order = self.state[1] if self.state else "="
        return np.dtype(code).newbyteorder(order)


class _Array(_Inert):
    """numpy.ndarray, made by _reconstruct and its state, or _frombuffer."""

    def parts(self):
        """Shape, whether the first axis varies fastest, and flat values."""
        if self.state is None:  # of _frombuffer
            data, dtype, shape, order = self.arguments
            fortran = order == "F"
        else:
            _, shape, dtype, fortran, data = self.state
        dtype = dtype.numpy()
        if dtype is None:
            fortran = False  # Objects are listed row by row in any case.
        else:
            data = np.frombuffer(data, dtype).tolist()
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise ValueError(f"an array of shape {shape} lacks values")
        return shape, fortran, data

    def values(self):
        """The values of an array of one axis."""
        shape, _, data = self.parts()
        if len(shape) != 1:
            raise ValueError(f"an array in a cell or index has shape {shape}")
        return data

    def rows(self):
        """The rows of an array of two axes."""
        (rows, columns), fortran, data = self.parts()
        if rows > len(data):
            raise ValueError("a table without values")
        if fortran:
            return [data[row::rows] for row in range(rows)]
        return [data[r * columns : (r + 1) * columns] for r in range(rows)]


class _Scalar(_Inert):
    """numpy.core.multiarray.scalar(dtype, bytes)."""

    def value(self):
        """The plain number or text."""
        dtype, data = self.arguments
        return np.frombuffer(data, dtype.numpy())[0].item()


class _Latin1(_Inert):
    """_codecs.encode(text, "latin1"), which is how protocol 2 has bytes."""

    def __new__(cls, text, encoding):
        if encoding != "latin1":
            raise ValueError(f"bytes encoded as {encoding!r}")
        return text.encode("latin1")


class _Index(_Inert):
    """pandas' _new_Index(class, {"data" or "start", ..., "name"})."""

    def name(self):
        """Its name, None if it has none."""
        return self.arguments[1].get("name")

    def values(self, expected=None):
        """Its values; as many as expected."""
        fields = self.arguments[1]
        if "data" in fields:
            values = fields["data"].values()
        else:
            values = range(fields["start"], fields["stop"], fields["step"])
        if expected is not None and len(values) != expected:
            raise ValueError(f"{expected} rows, index of {len(values)}")
        return list(values)


class _Block(_Inert):
    """pandas' new_block(values, placement), and _unpickle_block."""


class _Partial(_Inert):
    """functools.partial(new_block), with its state (new_block, ...)."""

    def __call__(self, *arguments):
        if self.arguments != (_Block,):
            raise ValueError("functools.partial of something else")
        return _Block(*arguments)


class _Manager(_Inert):
    """pandas' BlockManager, of blocks and axes, or with them in its state."""

    def parts(self):
        """Axes (columns, index), and values and placement of each block."""
        if self.arguments:
            blocks, axes = self.arguments
            return axes, [block.arguments[:2] for block in blocks]
        state = self.state[3]["0.14.1"]
        blocks = [(b["values"], b["mgr_locs"]) for b in state["blocks"]]
        return state["axes"], blocks


class _Frame(_Inert):
    """pandas.DataFrame."""

    def manager(self):
        """Its BlockManager, in `_mgr` or, by older versions, `_data`."""
        state = self.state
        return state["_mgr"] if "_mgr" in state else state["_data"]


ALLOWED = {
    ("_codecs", "encode"): _Latin1,
    ("__builtin__", "slice"): slice,
    ("builtins", "slice"): slice,
    ("functools", "partial"): _Partial,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("pandas._libs.internals", "_unpickle_block"): _Block,
    ("pandas.core.frame", "DataFrame"): _Frame,
    ("pandas.core.indexes.base", "Index"): _Index,
    ("pandas.core.indexes.base", "_new_Index"): _Index,
    ("pandas.core.indexes.numeric", "Int64Index"): _Index,
    ("pandas.core.indexes.range", "RangeIndex"): _Index,
    ("pandas.core.internals.blocks", "new_block"): _Block,
    ("pandas.core.internals.managers", "BlockManager"): _Manager,
}
for _core in ("numpy.core", "numpy._core"):
    ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _Array
    ALLOWED[f"{_core}.multiarray", "scalar"] = _Scalar
    ALLOWED[f"{_core}.numeric", "_frombuffer"] = _Array


class _Unpickler(pickle.Unpickler):
    """Finds the names in `ALLOWED` and no others, and imports nothing."""

    def find_class(self, module, name):
        """The stand-in of a name, or RefusedPickleError."""
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise RefusedPickleError(f"{module}.{name}") from None


def read_pickled_table(path):
    """Reads a pickled pandas.DataFrame without pandas, and without running
    what the file says.

    Arguments
    ---------
    path : str
        A .pkl file of pandas 1 or 2, with columns of numbers, text or lists.

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
            check_places(file)
            return _columns(_Unpickler(file).load())
    except OSError:
        raise
    except RefusedPickleError as error:
        raise RefusedPickleError(
            f"{path}: refused, it names {error}, which a table of plain values "
            "does not need and which may be an attack; nothing was run. If "
            "you trust the file, convert it to CSV yourself"
        ) from None
    except Exception as error:  # A wrong pickle can raise anything.
        raise ValueError(
            f"{path} is not a pickled pandas table that can be read here "
            f"({type(error).__name__}: {error}); convert it to CSV"
        ) from error


def check_places(file):
    """Refuses a pickle that keeps a value at a place beyond its length: the
    unpickler would make room for all places before it.

    Arguments
    ---------
    file : file
        Opened for reading bytes, at its start, where it is left.

    Raises
    ------
    ValueError
        If there is such a value, or the file is no pickle.

    Example
    -------
    >>> path = str(getfixture("tmpdir") / "list.pkl")
    >>> with open(path, "wb") as file:
    ...     pickle.dump([1, 2], file)
    >>> with open(path, "rb") as file:
    ...     check_places(file)
    """
    size = os.fstat(file.fileno()).st_size
    for opcode, place, _ in pickletools.genops(file):
        if opcode.name.endswith("PUT") and place > size:
            raise ValueError(f"{size} bytes do not hold {place} values")
    file.seek(0)


def _columns(frame):
    """The columns of a data frame, as plain values."""
    if not isinstance(frame, _Frame):
        raise ValueError(f"it holds a {type(frame).__name__.strip('_')}")
    (names, index), blocks = frame.manager().parts()
    columns = {}
    for values, placement in blocks:
        rows = values.rows()
        if isinstance(placement, slice):
            places = range(placement.start, placement.stop, placement.step)
        else:
            places = placement.values()
        columns.update(zip(places, rows, strict=True))
    names = names.values(len(columns))
    rows = len(columns[0])
    table = {str(index.name() or "index"): index.values(rows)}
    table.update((str(n), columns[place]) for place, n in enumerate(names))
    known = {}
    return {name: [_plain(v, known) for v in table[name]] for name in table}


def _plain(value, known):
    """A cell without stand-ins; a list that several cells share is made once,
    lest a small file grows without bounds."""
    if isinstance(value, (_Array, list, tuple)):
        if id(value) not in known:
            items = value.values() if isinstance(value, _Array) else value
            known[id(value)] = [_plain(item, known) for item in items]
        return known[id(value)]
    if isinstance(value, _Scalar):
        return value.value()
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return value
    raise ValueError(f"a cell of type {type(value).__name__.strip('_')}")
