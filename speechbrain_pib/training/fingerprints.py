"""What a training was begun with, so that its folder is not continued with
anything else.

Authors
 * The speechbrain_pib developers 2026
"""

import csv
import hashlib
import json
import os

import yaml
from hyperpyyaml import resolve_references
from speechbrain.utils.logger import get_logger

from speechbrain_pib.utils.files import atomic_writer

logger = get_logger(__name__)

CLIPS_FILE = "trained_on.json"
# The columns of a manifest that say what is trained on; where it lies may
# change.
COLUMNS = ("ID", "label", "start", "stop")
# Settings that may change between two runs into one folder.
MAY_DIFFER = {
    # A training may be given more epochs, or be stopped earlier.
    "number_of_epochs",
    # Where things lie; that the clips are the same is checked by themselves.
    *("data_folder", "packed_folder", "output_folder", "save_folder"),
    *("train_log", "annotations", "annotation_folder", "class_list", "audio"),
    *("class_labels", "segments", "features", "video_folder", "video_info"),
    *("train_list", "test_list", "subset_list", "published_lists"),
    *("download", "check_audio", "skimmer_weights", "student_weights"),
    # How fast it goes, not what it computes.
    *("num_workers", "loader_timeout", "ckpt_interval_minutes"),
    *("checkpoint_activations", "compile_module_keys"),
    # Of the test alone, whose results are written anew each time.
    *("test_batch_size", "test_views", "controls", "pictures"),
    *("submission_list", "supervision", "single_subsample"),
    # Who watches.
    *("tensorboard", "wandb_project"),
}


class _PlainLoader(yaml.SafeLoader):
    """Reads a resolved HyperPyYAML file without constructing anything."""


# What a tag would construct is left out; its arguments are settings, too.
_CONSTRUCTED = object()
_PlainLoader.add_multi_constructor("!", lambda *_: _CONSTRUCTED)


def read_settings(hparams_file, overrides=None):
    """Read the settings of a hyperparameter file: plain values and lists.

    Arguments
    ---------
    hparams_file : str
        A HyperPyYAML file. Nothing in it is constructed.
    overrides : str or dict
        Overrides of it.

    Returns
    -------
    settings : dict
        Name to value, without those that may change between two runs.

    Example
    -------
    >>> path = getfixture("tmpdir") / "train.yaml"
    >>> path.write_text(
    ...     "lr: 0.1\\nmodel: !new:torch.nn.Linear [1, 2]\\npictures: 3\\n",
    ...     "utf-8",
    ... )
    >>> read_settings(path, {"lr": 0.2})
    {'lr': 0.2}
    """
    with open(hparams_file, encoding="utf-8") as file:
        text = resolve_references(file, overrides or {})
    values = yaml.load(text, Loader=_PlainLoader)
    return {
        name: value
        for name, value in values.items()
        if not (
            value is _CONSTRUCTED
            or isinstance(value, dict)
            or name in MAY_DIFFER
        )
    }


def is_begun(save_folder):
    """Tell whether a folder of checkpoints holds any.

    Arguments
    ---------
    save_folder : str
        The folder, which need not exist.

    Returns
    -------
    begun : bool

    Example
    -------
    >>> is_begun("no such folder")
    False
    """
    return os.path.isdir(save_folder) and any(
        name.startswith("CKPT") for name in os.listdir(save_folder)
    )


def check_settings(output_folder, save_folder, settings):
    """Raise if a training was begun in a folder with other settings.

    Arguments
    ---------
    output_folder : str
        Holds hyperparams.yaml of the run that began it.
    save_folder : str
        Its checkpoints.
    settings : dict
        What `read_settings` returned for this run.

    Raises
    ------
    ValueError
        If settings differ; names each, with both values.
    """
    path = os.path.join(output_folder, "hyperparams.yaml")
    if not (is_begun(save_folder) and os.path.exists(path)):
        return
    before = read_settings(path)
    absent = "(absent)"
    differences = [
        f"  {name}: {before.get(name, absent)} then, "
        f"{settings.get(name, absent)} now"
        for name in sorted({*before, *settings})
        if before.get(name, absent) != settings.get(name, absent)
    ]
    if differences:
        raise ValueError(_refusal(output_folder, "settings", differences))


def check_clips(output_folder, save_folder, manifest_folder, splits, classes):
    """Raise if a training was begun in a folder with other clips or labels,
    and note those of a training that begins.

    Arguments
    ---------
    output_folder : str
        Where the note is.
    save_folder : str
        Its checkpoints.
    manifest_folder : str
        Holds `<split>.csv`.
    splits : list of str
        Those that are trained and validated on.
    classes : list of str
        Labels in the order of their indices.

    Raises
    ------
    ValueError
        If the classes, their order, or the clips of a split or their labels
        differ.
    """
    now = {"classes": classes}
    for split in splits:
        path = os.path.join(manifest_folder, f"{split}.csv")
        now[split] = _hash_manifest(path)
    path = os.path.join(output_folder, CLIPS_FILE)
    if is_begun(save_folder):
        before = _read(path)
        if before is None:
            logger.warning(
                "%s does not say which clips its training was begun with", path
            )
        elif before != now:
            names = sorted({*before, *now})
            differences = [
                f"  {name}: other {'names or order' * (name == 'classes')}"
                f"{'clips or labels' * (name != 'classes')} than then"
                for name in names
                if before.get(name) != now.get(name)
            ]
            raise ValueError(_refusal(output_folder, "data", differences))
    with atomic_writer(path) as file:
        json.dump(now, file, indent=2)


def _refusal(folder, what, differences):
    """The message for a folder that must not be continued."""
    return "\n".join(
        [
            f"{folder} holds a training that was begun with other {what}:",
            *differences,
            "give another --output_folder, or delete this one to train anew",
        ]
    )


def _read(path):
    """The note in a folder; None if it is missing or malformed."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def _hash_manifest(path):
    """Hash of what a manifest says of its clips, wherever they lie."""
    digest = hashlib.sha256()
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        header = next(rows)
        indices = [header.index(name) for name in COLUMNS if name in header]
        for row in rows:
            digest.update(repr([row[index] for index in indices]).encode())
    return digest.hexdigest()
