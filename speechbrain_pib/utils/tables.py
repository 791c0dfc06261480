"""Tables that others wrote: CSV files, and the numbers in them.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import itertools
import re

from speechbrain_pib.utils.files import open_annotations

WHOLE_NUMBER = re.compile(r"(-?\d+)(?:\.0*)?")


def read_csv(path, **options):
    """Read a CSV file row by row.

    Arguments
    ---------
    path : str
        UTF-8, with or without a byte order mark.
    **options : dict
        As for csv.reader, such as skipinitialspace.

    Yields
    ------
    line : int
        Where the row begins, from 1.
    values : list of str
        Of a row. Empty lines are passed over.

    Raises
    ------
    ValueError
        If it is no CSV file, such as one with a quote that is not closed, a
        NUL or another encoding; the file is named, and the line where one can
        be told.

    Example
    -------
    >>> path = getfixture("tmpdir") / "list.csv"
    >>> path.write_text('a,"b,c"\\n\\nd,"e\\nf"\\ng,h\\n', encoding="utf-8")
    >>> list(read_csv(path))
    [(1, ['a', 'b,c']), (3, ['d', 'e\\nf']), (5, ['g', 'h'])]
    """
    line = 1
    with open_annotations(path) as file:
        # Not strict, a quote that is not closed would swallow the rows after.
        reader = csv.reader(file, strict=True, **options)
        try:
            for values in reader:
                # What csv says of it itself, before Python 3.11.
                if "\0" in "".join(values):
                    raise csv.Error("line contains NUL")
                if values:
                    yield line, values
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(
                f"{path}, line {line}: not CSV in UTF-8 ({error})"
            ) from error


def read_rows(path, columns=()):
    """Read a CSV file with a header row by row.

    Arguments
    ---------
    path : str
        As for `read_csv`.
    columns : iterable of str
        Those that must be there.

    Yields
    ------
    line : int
        Where the row begins, from 1.
    row : dict
        Column to text; None where the row ends before, which it may do before
        columns that need not be there.

    Raises
    ------
    ValueError
        As for `read_csv`; if a column is not there; or if a row has too few
        or too many values.

    Example
    -------
    >>> path = getfixture("tmpdir") / "classes.csv"
    >>> path.write_text("index,name\\n0,dog\\n", encoding="utf-8")
    >>> list(read_rows(path, ["name"]))
    [(2, {'index': '0', 'name': 'dog'})]
    """
    rows = read_csv(path)
    _, header = next(rows, (1, []))
    absent = [column for column in columns if column not in header]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; it has {header}"
        )
    for line, values in rows:
        row = dict(itertools.zip_longest(header, values))
        if len(values) > len(header) or None in map(row.get, columns):
            raise ValueError(
                f"{path}, line {line}: expected the columns {header}, got "
                f"{values}"
            )
        yield line, row


def read_whole_number(value):
    """Read a whole number, also as pandas writes one in a column of floats.

    Arguments
    ---------
    value : str or int or float
        Such as "3", 3, "3.0" or 3.0.

    Returns
    -------
    number : int

    Raises
    ------
    ValueError
        If it is anything else.

    Example
    -------
    >>> read_whole_number("59184.0")
    59184
    """
    match = WHOLE_NUMBER.fullmatch(str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a whole number")
    return int(match[1])
