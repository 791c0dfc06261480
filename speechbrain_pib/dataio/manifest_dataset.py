"""Manifests of any length as a data set: rows are parsed when they are asked
for, and workers share the file.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import mmap
import os

import numpy as np
import torch
from speechbrain.dataio.dataset import DynamicItemDataset
from speechbrain.utils.data_pipeline import DataPipeline

from speechbrain_pib.utils.files import open_annotations
from speechbrain_pib.utils.seeds import fold_seed

NUMBERS = ("duration", "start", "stop", "event_start", "event_stop")
STRICT = csv.reader([], strict=True).dialect  # made once, not for each row
BLOCK_BYTES = 2**24  # searched for line ends at a time


class ManifestTable:
    """The rows of a manifest, read from a file that is mapped into memory.

    The ends of the lines are found once, 8 bytes a row; nothing else is kept.
    A pickled table is its path: a worker that is spawned maps the file again,
    one that is forked goes on with the parent's.

    Arguments
    ---------
    path : str
        CSV with a header, one row a line, as `write_manifest` writes it. The
        columns duration, start, stop, event_start and event_stop hold
        numbers; a relative locator in the column wav is relative to the
        manifest's folder.

    Raises
    ------
    ValueError
        If the file holds no rows, or has no column "ID".

    Example
    -------
    >>> path = getfixture("tmpdir") / "test.csv"
    >>> path.write_text("ID,duration,label\\na,2.5,dog\\n", encoding="utf-8")
    >>> ManifestTable(path)[0]
    {'ID': 'a', 'duration': 2.5, 'label': 'dog'}
    """

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.folder = os.path.dirname(self.path)
        if os.path.getsize(self.path) == 0:
            raise ValueError(f"{self.path} is empty")
        with open(self.path, "rb") as file:
            self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.ends = _find_line_ends(self.bytes)
        self.columns = self._split_line(0)
        if "ID" not in self.columns:
            raise ValueError(f"{self.path} has no column ID")
        if len(self) == 0:
            raise ValueError(f"{self.path} holds no clips")

    def __reduce__(self):
        return ManifestTable, (self.path,)

    def __len__(self):
        return len(self.ends) - 1

    def __getitem__(self, index):
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.path} has no row {index}")
        line = int(index) % len(self) + 1
        values = self._split_line(line)
        if len(values) != len(self.columns):
            raise ValueError(
                f"{self.path}, line {line + 1}: expected the columns "
                f"{self.columns}, got {values}"
            )
        return {
            column: self._convert(column, value)
            for column, value in zip(self.columns, values)
        }

    def column(self, name):
        """All values of a column.

        Arguments
        ---------
        name : str
            The column.

        Returns
        -------
        values : list
            Of str, or of float for columns of numbers. Equal ones are one
            object, so that a column of labels takes little memory.

        Raises
        ------
        ValueError
            If there is no such column.
        """
        if name not in self.columns:
            raise ValueError(f"{self.path} has no column {name}")
        place, known = self.columns.index(name), {}
        with open_annotations(self.path) as file:
            rows = csv.reader(file, STRICT)
            try:
                next(rows)
                return [
                    known.setdefault(
                        row[place], self._convert(name, row[place])
                    )
                    for row in rows
                ]
            except (csv.Error, IndexError) as error:
                raise ValueError(
                    f"{self.path}, line {rows.line_num}: {error}"
                ) from error

    def _split_line(self, line):
        """The values of a line, the header being line 0."""
        start = self.ends[line - 1] + 1 if line else 0
        try:
            text = self.bytes[start : self.ends[line]].decode("utf-8")
            return next(csv.reader([text], STRICT), [])
        except (csv.Error, UnicodeDecodeError) as error:
            raise ValueError(
                f"{self.path}, line {line + 1}: not CSV in UTF-8 ({error})"
            ) from error

    def _convert(self, column, value):
        """A value of a column, from its text."""
        if column in NUMBERS:
            try:
                return float(value)
            except ValueError as error:
                raise ValueError(f"{self.path}, {column}: {error}") from None
        if column == "wav":
            return os.path.join(self.folder, value)
        return value


def _find_line_ends(data):
    """Positions of the line breaks, and of the end of an unfinished line."""
    ends = [
        np.flatnonzero(
            np.frombuffer(data[start : start + BLOCK_BYTES], np.uint8)
            == ord("\n")
        )
        + start
        for start in range(0, len(data), BLOCK_BYTES)
    ]
    if data[len(data) - 1] != ord("\n"):
        ends.append([len(data)])
    return np.concatenate(ends)


class ManifestDataset(DynamicItemDataset):
    """A DynamicItemDataset over a manifest of any length.

    The items that a row provides are its columns, with ID under "id". Methods
    of DynamicItemDataset that select or sort clips are not supported.

    Arguments
    ---------
    path : str
        A manifest, see ManifestTable.
    dynamic_items : list
        As for DynamicItemDataset.
    output_keys : list
        As for DynamicItemDataset.

    Example
    -------
    >>> path = getfixture("tmpdir") / "test.csv"
    >>> path.write_text("ID,label\\na,dog\\nb,cat\\n", encoding="utf-8")
    >>> dataset = ManifestDataset(path, output_keys=["id", "label"])
    >>> len(dataset), dataset[1]
    (2, {'id': 'b', 'label': 'cat'})
    >>> dataset.column("label")
    ['dog', 'cat']
    """

    def __init__(self, path, dynamic_items=(), output_keys=()):
        self.table = ManifestTable(path)
        self.seed = None
        keys = ["id" if c == "ID" else c for c in self.table.columns]
        self.pipeline = DataPipeline(keys, dynamic_items)
        self.set_output_keys(list(output_keys))

    def __len__(self):
        return len(self.table)

    def __getitem__(self, index):
        row = self.table[index]
        row["id"] = row.pop("ID")
        if self.seed is not None:
            seed = fold_seed(self.seed, row["id"])
            torch.default_generator.manual_seed(seed)
        return self.pipeline.compute_outputs(row)

    def set_seed(self, seed):
        """Let what is random in an item follow from a seed and its ID alone.

        Whatever process reads an item seeds torch's default generator before,
        and leaves it for the collation; so the number of workers does not
        matter. Workers that run already do not hear of a new seed.

        Arguments
        ---------
        seed : int
            Another one for each epoch.
        """
        self.seed = seed

    @property
    def columns(self):
        """Names of the manifest's columns."""
        return self.table.columns

    def column(self, name):
        """All values of a column, see ManifestTable.column.

        Arguments
        ---------
        name : str
            The column.

        Returns
        -------
        values : list
        """
        return self.table.column(name)
