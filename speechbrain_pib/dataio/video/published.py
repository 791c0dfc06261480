"""Features in the layout of the published Listen to Look
(https://github.com/facebookresearch/Listen-to-Look): its lists of videos.

Authors
 * The speechbrain_pib developers 2026
"""

import os

from speechbrain_pib.dataio.video.features import PUBLISHED, read_npy
from speechbrain_pib.utils.pickles import PlainUnpickler, RefusedPickleError


def read_published_list(path):
    """Read a list of videos of the published code, without running it.

    Arguments
    ---------
    path : str
        A pickled pair: list of paths, list of class indices.

    Returns
    -------
    paths : list of str
        Each with "imageAudio_features" in it.
    labels : list of int

    Raises
    ------
    RefusedPickleError
        If it names anything that could be called.
    ValueError
        If it is something else.

    Example
    -------
    >>> import pickle
    >>> path = str(getfixture("tmpdir") / "train.pkl")
    >>> with open(path, "wb") as file:
    ...     pickle.dump((["imageAudio_features/a.npy"], [3]), file)
    >>> read_published_list(path)
    (['imageAudio_features/a.npy'], [3])
    """
    try:
        with open(path, "rb") as file:
            paths, labels = PlainUnpickler(file.read()).load()
        if len(paths) != len(labels):
            raise ValueError("its lists differ in length")
        if not all(type(p) is str and PUBLISHED in p for p in paths):
            raise ValueError(f"not all paths are text with {PUBLISHED} in it")
        if not all(type(label) is int for label in labels):
            raise ValueError("not all labels are whole numbers")
    except OSError:
        raise
    except RefusedPickleError as error:
        raise RefusedPickleError(
            f"{path}: refused, it names {error}, which lists of paths and "
            "numbers do not need and which may be an attack; nothing was run"
        ) from None
    except Exception as error:  # A wrong pickle can raise anything.
        raise ValueError(
            f"{path} is not a pickled (paths, labels): {error}"
        ) from error
    return list(paths), list(labels)


def published_rows(list_file, classes, root=None):
    """Make the rows of a manifest of features in the published layout.

    Arguments
    ---------
    list_file : str
        As for `read_published_list`.
    classes : list of str
        Name of each class index.
    root : str
        Folder in which "imageAudio_features", "image_features" and
        "audio_features" are (default: the one in the list).

    Returns
    -------
    rows : list of dict
        With ID, features (the locator), n_steps and label.
    missing : list of dict
        Videos without features: ID, label and reason.

    Raises
    ------
    ValueError
        If a file is not what it should be, or a label is no class index.

    Example
    -------
    >>> rows, missing = published_rows(
    ...     "train.pkl", ["run", "jump"]
    ... )  # doctest: +SKIP
    """
    rows, missing = [], []
    for path, label in zip(*read_published_list(list_file)):
        if not 0 <= label < len(classes):
            raise ValueError(
                f"{list_file}: {path} has label {label}, there are "
                f"{len(classes)} classes"
            )
        tail = path[path.index(PUBLISHED) + len(PUBLISHED) :].lstrip("/")
        if root is not None:
            path = os.path.join(root, PUBLISHED, tail)
        image = path.replace(PUBLISHED, "image_features")
        row = {"ID": os.path.splitext(tail)[0], "label": classes[label]}
        try:
            steps = len(read_npy(image, mmap_mode="r"))
            rows.append({**row, "features": path, "n_steps": steps})
        except FileNotFoundError:
            missing.append({**row, "reason": f"there is no file {image}"})
    return rows, missing
