"""Manifests: the CSV lists of clips that recipes train and evaluate on, and
reports of what is missing in them.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import itertools
import json
import os
from collections import Counter

from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import (
    atomic_writer,
    hash_ids,
    open_annotations,
    to_cell,
)

logger = get_logger(__name__)


def _write_table(path, columns, rows):
    """Writes a CSV file with a header."""
    with atomic_writer(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_manifest(path, rows):
    """Write a manifest that `ManifestDataset` reads.

    Arguments
    ---------
    path : str
        The CSV file to write, atomically.
    rows : iterable of dict
        One dict per clip, all with the same keys, among them "ID". The ID
        becomes the first column; the others keep the order of the first row.

    Raises
    ------
    ValueError
        If there are no rows, their keys differ, an ID appears twice, or a
        value holds a line break.

    Example
    -------
    >>> from speechbrain.dataio.dataset import DynamicItemDataset
    >>> path = getfixture("tmpdir") / "train.csv"
    >>> write_manifest(path, [{"ID": "a", "duration": 2.5, "label": "dog"}])
    >>> DynamicItemDataset.from_csv(path).data["a"]
    {'duration': 2.5, 'label': 'dog'}
    """
    _write_table(path, *_check_rows(path, rows))


def _check_rows(path, rows):
    """Columns of a manifest, and its rows in that order."""
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        raise ValueError(f"{path}: a manifest needs at least one clip")
    columns = ["ID"] + [key for key in first if key != "ID"]
    return columns, _checked_rows(path, columns, itertools.chain([first], rows))


def _checked_rows(path, columns, rows):
    """The values of rows, one after another, as far as they are right."""
    seen = set()
    for row in rows:
        if row.keys() != set(columns):
            raise ValueError(
                f"{path}: the row {row} does not have the columns {columns}"
            )
        if row["ID"] in seen:
            raise ValueError(f"{path}: the ID {row['ID']} appears twice")
        seen.add(row["ID"])
        values = [row[column] for column in columns]
        text = "".join(map(str, values))
        if "\n" in text or "\r" in text:
            raise ValueError(
                f"{path}: there is a line break in {values}; a clip is a line; "
                "rename the file, folder or label"
            )
        yield values


def read_class_list(path):
    """Read class names, one a line; the line number is the class index.

    Arguments
    ---------
    path : str
        Text file, UTF-8.

    Returns
    -------
    classes : list of str

    Raises
    ------
    ValueError
        If the file is empty, or a line is no class name, see
        `check_class_names`.

    Example
    -------
    >>> path = getfixture("tmpdir") / "classes.txt"
    >>> path.write_text("cat\\ndog\\n", encoding="utf-8")
    >>> read_class_list(path)
    ['cat', 'dog']
    """
    with open_annotations(path) as file:
        classes = [line.strip() for line in file.read().splitlines()]
    if not classes:
        raise ValueError(f"{path} holds no class names")
    check_class_names(classes, path)
    return classes


def check_class_names(classes, path):
    """Check that class names come back as they are from a file, one a line.

    Arguments
    ---------
    classes : list of str
        In the order of their indices.
    path : str
        The file, for messages.

    Raises
    ------
    ValueError
        If a name is empty, appears twice, has space at an end, a line break,
        " => ", which SpeechBrain's label encoders cannot store, or "|", which
        stands between the labels of a clip.

    Example
    -------
    >>> check_class_names(["dog", "a|b"], "classes.txt")
    Traceback (most recent call last):
        ...
    ValueError: classes.txt, line 2: '|' in 'a|b'
    """
    seen = set()
    for number, name in enumerate(classes, start=1):
        place = f"{path}, line {number}"
        if not name:
            raise ValueError(f"{place}: empty class name")
        if name != name.strip() or len(name.splitlines()) > 1:
            raise ValueError(f"{place}: line break or outer space in {name!r}")
        for sign in (" => ", "|"):
            if sign in name:
                raise ValueError(f"{place}: {sign!r} in {name!r}")
        if name in seen:
            raise ValueError(f"{place}: {name!r} appears twice")
        seen.add(name)


def report_coverage(found, missing, classes, save_folder):
    """Write which of the annotated clips are there, and which are not.

    A clip with several labels, joined by "|", counts for each of them.
    `missing.csv` lists the missing clips (ID, label, split, reason),
    `coverage.csv` counts (split, label, expected, found), `coverage.json`
    holds per split: expected, found, classes_without_clips and id_sha256,
    a hash of the sorted ids, which tells whether two results were obtained
    on the same clips; and without_sound, where the rows of videos say which
    have sound. `classes.txt` holds the classes in their order. In the tables,
    labels that a spreadsheet would take for a formula are quoted, see
    `to_cell`.

    Arguments
    ---------
    found : dict
        Split -> iterable of manifest rows (dicts with ID, label and perhaps
        has_audio, "True" or "False").
    missing : list of dict
        Rows with ID, label, split and reason (str or error).
    classes : list of str
        All class names; those without clips are reported.
    save_folder : str
        Where the files go.

    Returns
    -------
    coverage : dict
        What `coverage.json` holds.

    Raises
    ------
    ValueError
        If a class name would not come back, see `check_class_names`.

    Example
    -------
    >>> coverage = report_coverage(
    ...     {"test": [{"ID": "a", "label": "dog"}]},
    ...     [{"ID": "b", "label": "cat", "split": "test", "reason": "lost"}],
    ...     ["cat", "dog"],
    ...     getfixture("tmpdir"),
    ... )
    >>> coverage["test"]["expected"], coverage["test"]["found"]
    (2, 1)
    >>> coverage["test"]["classes_without_clips"]
    ['cat']
    """
    class_list = os.path.join(save_folder, "classes.txt")
    check_class_names(classes, class_list)
    coverage, table = {}, []
    for split, rows in found.items():
        here, ids, silent = _count(rows)
        lost, lost_ids, _ = _count(r for r in missing if r["split"] == split)
        for label in classes:
            expected = here[label] + lost[label]
            table.append((split, to_cell(label), expected, here[label]))
        coverage[split] = {
            "expected": len(ids) + len(lost_ids),
            "found": len(ids),
            "classes_without_clips": [c for c in classes if not here[c]],
            "id_sha256": hash_ids(ids),
        }
        if silent is not None:
            coverage[split]["without_sound"] = silent
    _write_table(
        os.path.join(save_folder, "missing.csv"),
        ("ID", "label", "split", "reason"),
        (
            (m["ID"], to_cell(m["label"]), m["split"], m["reason"])
            for m in missing
        ),
    )
    _write_table(
        os.path.join(save_folder, "coverage.csv"),
        ("split", "label", "expected", "found"),
        table,
    )
    with atomic_writer(class_list) as file:
        file.writelines(f"{name}\n" for name in classes)
    with atomic_writer(os.path.join(save_folder, "coverage.json")) as file:
        json.dump(coverage, file, indent=2)
    logger.info("Clips found: %s", _summary(coverage))
    if missing:
        logger.warning(
            "%d clips are missing or unreadable and left out; see "
            "missing.csv and coverage.csv beside the manifests",
            len(missing),
        )
    return coverage


def _count(rows):
    """Number of clips of each label, all ids, and the number of those without
    sound; None if no row tells."""
    labels, ids, has_audio = Counter(), [], Counter()
    for row in rows:
        labels.update(row["label"].split("|"))
        ids.append(row["ID"])
        has_audio[row.get("has_audio")] += 1
    told = has_audio.keys() & {"True", "False"}
    return labels, ids, has_audio["False"] if told else None


def _summary(coverage):
    """One line about all splits."""
    return "; ".join(
        f"{split} {part['found']} of {part['expected']}, "
        f"{len(part['classes_without_clips'])} classes without clips, "
        f"ids sha256 {part['id_sha256'][:12]}"
        for split, part in coverage.items()
    )
