"""Inference folders: cut out of a training, written whole, found again.

Authors
 * The speechbrain_pib developers 2026
"""

import json
import os
import re

import torch
import yaml
from hyperpyyaml import resolve_references
from speechbrain.dataio.encoder import CategoricalEncoder
from speechbrain.utils.fetching import fetch

from speechbrain_pib.evaluation.budgets import BudgetTable
from speechbrain_pib.utils.files import atomic_folder

HPARAMS_FILE = "hyperparams.yaml"
CONFIG_FILE = "config.json"
BUDGET_FILE = "budget.json"  # where a training solved budgets
LABELS_FILE = "label_encoder.ckpt"
# Class that loads a folder, and the command that does.
COMMANDS = {
    "PlayItBackClassifier": "classify",
    "SkimmingClassifier": "classify-video",
}
TRAINING_ONLY = ("augment", "freeze_backbone", "checkpoint_activations")
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def write_inference_folder(folder, interface, texts, modules, label_encoder):
    """Writes a folder that appears when it is complete.

    Arguments
    ---------
    folder : str
        Where to write. A folder written here before is replaced.
    interface : str
        Name of the class that loads the folder.
    texts : dict
        Name to text of further files.
    modules : dict
        Name to torch.nn.Module, whose weights become `<name>.ckpt`.
    label_encoder : speechbrain.dataio.encoder.CategoricalEncoder
        Class index to label.

    Raises
    ------
    FileExistsError
        If the folder holds something that was not written here.

    Example
    -------
    >>> folder = str(getfixture("tmpdir") / "inference")
    >>> modules = {"model": torch.nn.Linear(1, 1)}
    >>> write_inference_folder(
    ...     folder, "EncoderClassifier", {}, modules, CategoricalEncoder()
    ... )
    >>> sorted(os.listdir(folder))
    ['config.json', 'label_encoder.ckpt', 'model.ckpt']
    """
    folder = os.path.abspath(folder)
    _check_replaceable(folder, interface)
    with atomic_folder(folder) as temporary:
        config = json.dumps({"speechbrain_interface": interface})
        texts = {**texts, CONFIG_FILE: f"{config}\n"}
        for name, text in texts.items():
            path = os.path.join(temporary, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        for name, module in modules.items():
            state = {k: v.cpu() for k, v in module.state_dict().items()}
            torch.save(state, os.path.join(temporary, f"{name}.ckpt"))
        # Pretrainer looks for "<name>.ckpt", whatever is in it; this is text.
        label_encoder.save(os.path.join(temporary, LABELS_FILE))


def cut_out_model(hparams_file, overrides, keys):
    """Takes from the YAML file of a training what inference needs.

    The document is composed but not constructed, and its references are
    resolved, so the model is cut out with no other key.

    Arguments
    ---------
    hparams_file : str
        The YAML file.
    overrides : str or dict
        Its overrides, as `speechbrain.parse_arguments` returns them.
    keys : tuple of str
        Keys of plain values.

    Returns
    -------
    settings : dict
        "model", as YAML, and the values of the keys, as text.

    Raises
    ------
    ValueError
        If a key is missing.

    Example
    -------
    >>> path = getfixture("tmpdir") / "train.yaml"
    >>> text = "size: 2\\nmodel: !new:torch.nn.ReLU\\n    inplace: True\\n"
    >>> path.write_text(text, encoding="utf-8")
    >>> settings = cut_out_model(path, {}, ("size",))
    >>> print(settings["size"], settings["model"])
    2 model: !new:torch.nn.ReLU
        inplace: true
    """
    with open(hparams_file, encoding="utf-8") as file:
        resolved = resolve_references(file, overrides)
    document = yaml.compose(resolved, Loader=yaml.SafeLoader)
    entries = {key.value: (key, value) for key, value in document.value}
    missing = {"model", *keys} - set(entries)
    if missing:
        raise ValueError(
            f"{hparams_file} cannot be exported without the keys "
            + ", ".join(sorted(missing))
        )
    key, model = entries["model"]
    model.value = [
        (name, value)
        for name, value in model.value
        if name.value not in TRAINING_ONLY
    ]
    document.value = [(key, model)]
    return {
        "model": yaml.serialize(document, Dumper=yaml.SafeDumper, indent=4),
        **{name: entries[name][1].value for name in keys},
    }


def _check_replaceable(folder, interface):
    """Raises if the folder holds something else than an earlier export."""
    if not os.path.exists(folder) or not os.listdir(folder):
        return
    if _read_interface(folder) != interface:
        raise FileExistsError(
            f"{folder} holds something else than an exported model; move it "
            "away, or export to another folder"
        )


def check_source(source):
    """Raises if a folder does not exist, which Pretrained would look for on
    the Hugging Face hub.

    Arguments
    ---------
    source : str
        What `from_hparams` is given.

    Raises
    ------
    FileNotFoundError
        If it is no folder, and cannot be the name of a model on the hub.

    Example
    -------
    >>> check_source("owner/name")
    """
    if os.path.isdir(source) or source.startswith(("http://", "https://")):
        return
    if os.path.isfile(source):
        raise FileNotFoundError(
            f"there is no folder {source}, it is a file; give the inference "
            "folder that a recipe wrote"
        )
    owner = source.split("/")[0]
    if not HUB_NAME.fullmatch(source) or os.path.isdir(owner):
        raise FileNotFoundError(
            f"there is no folder {source}; give the inference folder that a "
            "recipe wrote, or the name of a model on the Hugging Face hub "
            "(owner/name)"
        )


def check_folder(folder, classifier, hparams_file=HPARAMS_FILE):
    """Raise if a folder is none that a classifier loads.

    Nothing in it is run, and its weights are not read.

    Arguments
    ---------
    folder : str
        The folder.
    classifier : type
        A subclass of ``Pretrained``.
    hparams_file : str
        The YAML file in it.

    Raises
    ------
    FileNotFoundError
        If there is no such YAML file in the folder.
    ValueError
        If the folder is for another class, is no inference folder, or its
        YAML file or label encoder is damaged.

    Example
    -------
    >>> from speechbrain.inference.interfaces import Pretrained
    >>> check_folder(str(getfixture("tmpdir")), Pretrained)
    Traceback (most recent call last):
        ...
    FileNotFoundError: ... holds no hyperparams.yaml; give the inference folder
    that a recipe wrote
    """
    interface = _read_interface(folder)
    if interface not in {None, *(base.__name__ for base in classifier.__mro__)}:
        command = COMMANDS.get(interface)
        shell = f", in a shell with the command {command}" if command else ""
        raise ValueError(
            f"{folder} holds a {interface}, not a {classifier.__name__}; load "
            f"it with {interface}.from_hparams{shell}"
        )
    keys = _read_keys(folder, hparams_file)
    needed = {*classifier.HPARAMS_NEEDED, "modules", "pretrainer"}
    if missing := sorted(needed - keys):
        raise ValueError(
            f"{hparams_file} in {folder} lacks {', '.join(missing)}; "
            + _advice(folder)
        )
    _check_labels(os.path.join(folder, LABELS_FILE))


def read_budgets(source):
    """Read how sure a clip must be to be left, for each budget.

    Arguments
    ---------
    source : str or Path
        The folder, or name on the Hugging Face hub.

    Returns
    -------
    budgets : BudgetTable

    Raises
    ------
    FileNotFoundError
        If the folder has no budgets.
    ValueError
        If the file is damaged.

    Example
    -------
    >>> read_budgets(str(getfixture("tmpdir")))
    Traceback (most recent call last):
        ...
    FileNotFoundError: ... has no budget.json: ...
    """
    try:
        with open(fetch(BUDGET_FILE, str(source)), encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{source} has no {BUDGET_FILE}: its training had no validation "
            "set, no selection of its own, or an older version; leave out the "
            "budget, or train it again"
        ) from error
    try:
        return BudgetTable.from_text(text)
    except ValueError as error:
        raise ValueError(
            f"{BUDGET_FILE} of {source} is damaged: {error}"
        ) from error


def _read_interface(folder):
    """Name of the class that loads a folder, None if it does not say."""
    try:
        with open(os.path.join(folder, CONFIG_FILE), encoding="utf-8") as file:
            interface = json.load(file)["speechbrain_interface"]
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return interface if isinstance(interface, str) else None


def _read_keys(folder, hparams_file):
    """The keys of a YAML file, of which nothing is constructed."""
    path = os.path.join(folder, hparams_file)
    try:
        with open(path, encoding="utf-8") as file:
            document = yaml.compose(file, Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{folder} holds no {hparams_file}; {_advice(folder)}"
        ) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is damaged: {reason}") from error
    if not isinstance(document, yaml.MappingNode):
        raise ValueError(f"{path} is damaged: it holds no keys")
    keys = (key for key, _ in document.value)
    return {key.value for key in keys if isinstance(key, yaml.ScalarNode)}


def _advice(folder):
    """Which folder to give instead of one that is none for inference."""
    below = os.path.join(folder, "inference")
    if os.path.isfile(os.path.join(below, HPARAMS_FILE)):
        return f"give the folder in it, {below}"
    return "give the inference folder that a recipe wrote"


def _check_labels(path):
    """Raise if a file is no list of labels."""
    labels = CategoricalEncoder()
    try:
        labels.load(path)
    except (ValueError, SyntaxError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged: it is no list of labels ({error})"
        ) from error
    if sorted(labels.ind2lab) != list(range(len(labels))):
        raise ValueError(f"{path} is damaged: its labels are not numbered")
