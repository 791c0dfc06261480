"""Fingerprints: what a training was made with, so that nothing else is taken
for it when it goes on or is tested.

Authors
 * The speechbrain_pib developers 2026
"""

import contextlib
import csv
import hashlib
import json
import os
import re
from itertools import chain

import ruamel.yaml
from hyperpyyaml import resolve_references

from speechbrain_pib import __version__
from speechbrain_pib.utils.files import atomic_writer, hash_file

FINGERPRINT_FILE = "fingerprint.json"  # beside the checkpoints

# The only options that may change while a training goes on, or is tested.
MAY_DIFFER = {
    # It may be made longer, and its warm-up with it.
    *("number_of_epochs", "student_epochs", "warmup_epochs"),
    # Where and how fast it runs, not what is computed.
    *("num_workers", "loader_timeout", "compile_module_keys"),
    *("checkpoint_activations", "ckpt_interval_minutes"),
    # What is written beside the checkpoints, and where they were moved to.
    *("output_folder", "save_folder", "train_log"),
    *("tensorboard", "wandb_project", "pictures"),
    # Every run tests anew.
    *("test_batch_size", "test_list", "submission_list", "supervision"),
    *("controls", "budget", "stream_gmacs"),
    # What the inference folder of the skimming gets.
    "student_weights",
    *("detection", "detection_threshold"),
    # Where the data are; what they hold is compared.
    *("data_folder", "packed_folder", "annotation_folder", "annotations"),
    *("audio", "video_folder", "video_info", "hdf5_sample_rate"),
    *("segments", "class_labels", "class_list", "train_list", "subset_list"),
    *("published_lists", "download", "check_audio"),
}

# SpeechBrain's options that change what is learned.
RUN_OPTIONS = (
    *("precision", "auto_mix_prec", "bfloat16_mix_prec"),
    *("max_grad_norm", "grad_accumulation_factor", "debug"),
)

# For a test alone also how it hears clips or looks at steps, and what its
# weights, which are there, were trained with on the command line.
MAY_DIFFER_IN_TESTS = {
    *MAY_DIFFER,
    *("test_views", "test_attention", "processes"),
    *RUN_OPTIONS,
}

# Files whose content counts, not their name.
CONTENTS = ("pretrained_backbone", "pretrained_replay_backbone", "features")

# Columns of a manifest that say what is learned; not where it is stored.
LEARNED = (
    *("ID", "label", "start", "stop", "segments"),
    *("event_start", "event_stop"),
)

ABSENT = "not there"


def describe_options(hparams_file, overrides=None):
    """Describe hyperparameters as plain values, without building objects.

    Arguments
    ---------
    hparams_file : str
        HyperPyYAML.
    overrides : str or dict
        YAML, or what it holds.

    Returns
    -------
    options : dict
        Name of each value ("lr", "model.fbank.n_mels", "depths[0]") to the
        value; of objects, their name to that of their class.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.yaml"
    >>> path.write("lr: 0.1\\nloss: !new:torch.nn.MSELoss\\nb: !ref <lr> * 2")
    >>> describe_options(str(path), "lr: 0.2")
    {'lr': 0.2, 'loss': 'MSELoss', 'b': 0.4}
    """
    with open(hparams_file, encoding="utf-8") as file:
        resolved = resolve_references(file, overrides, bool(overrides))
    tree = ruamel.yaml.YAML().load(resolved)
    options = dict(
        chain.from_iterable(
            _flatten(value, name)
            for name, value in tree.items()
            if not name.startswith("__")
        )
    )
    # As they are when they were stored.
    return json.loads(json.dumps(options, default=str))


def _flatten(node, name):
    """Yield the plain values in a tree of YAML, and the classes of objects."""
    tag = getattr(getattr(node, "tag", None), "value", None) or ""
    if tag.startswith("!"):
        # Where a class lies may change with the version, not what it is.
        yield name, tag.rpartition(".")[2]
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _flatten(value, f"{name}.{key}")
    elif isinstance(node, list) and node:
        for index, value in enumerate(node):
            yield from _flatten(value, f"{name}[{index}]")
    elif not tag.startswith("!"):
        yield name, node


def describe_contents(options):
    """Replace the names of weights and features by what is in the files.

    Arguments
    ---------
    options : dict
        As from `describe_options`.

    Returns
    -------
    options : dict

    Example
    -------
    >>> describe_contents({"lr": 0.1, "fusion_weights": "no/such/file"})
    {'lr': 0.1, 'fusion_weights': 'no file'}
    """
    return {
        name: _describe_content(value)
        if name in CONTENTS or name.endswith("_weights")
        else value
        for name, value in options.items()
    }


def _describe_content(path):
    """Describe a file by its hash, as far as there is one."""
    if path is None:
        return None
    if not os.path.isfile(path):
        return "no file"
    return f"sha256 {hash_file(path)[:12]}"


def describe_run(run_opts, options):
    """Describe what SpeechBrain was told about the training.

    Arguments
    ---------
    run_opts : speechbrain.utils.run_opts.RunOptions
        From the command line.
    options : dict
        As from `describe_options`, over which the command line has priority.

    Returns
    -------
    options : dict
        Also the number of processes, each of which trains on a batch.

    Example
    -------
    >>> from speechbrain.utils.run_opts import RunOptions
    >>> run_opts = RunOptions.from_dictionary({"precision": "bf16"})
    >>> options = describe_run(run_opts, {"max_grad_norm": 1.0})
    >>> options["precision"], options["max_grad_norm"], options["processes"]
    ('bf16', 1.0, 1)
    """
    described = {
        name: run_opts[name]
        if name in run_opts.overridden_args
        else options.get(name, run_opts[name])
        for name in RUN_OPTIONS
    }
    return {**described, "processes": int(os.environ.get("WORLD_SIZE", 1))}


def describe_data(folder):
    """Describe what is learned from prepared or packed data.

    Arguments
    ---------
    folder : str
        Holds classes.txt, train.csv and perhaps valid.csv.

    Returns
    -------
    data : dict
        The label of each output, and of each of these manifests how many rows
        it has and a hash of what is learned from them.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> (folder / "classes.txt").write("cat\\ndog\\n")
    >>> (folder / "train.csv").write("ID,label,wav\\na,dog,/data/a.wav\\n")
    >>> describe_data(folder)  # doctest: +ELLIPSIS
    {'labels[0]': 'cat', 'labels[1]': 'dog', 'train': '1 rows, sha256 ...'}
    """
    with open(os.path.join(folder, "classes.txt"), encoding="utf-8") as file:
        labels = file.read().splitlines()
    data = {f"labels[{index}]": label for index, label in enumerate(labels)}
    for split in ("train", "valid"):
        path = os.path.join(folder, f"{split}.csv")
        if os.path.exists(path):
            data[split] = _describe_manifest(path)
    return data


def _describe_manifest(path):
    """Count the rows of a manifest and hash what is learned from them."""
    digest, count = hashlib.sha256(), 0
    with open(path, newline="", encoding="utf-8") as file:
        rows = csv.reader(file)
        columns = next(rows)
        kept = [columns.index(name) for name in LEARNED if name in columns]
        for row in rows:
            digest.update("\0".join([row[i] for i in kept]).encode() + b"\n")
            count += 1
    return f"{count} rows, sha256 {digest.hexdigest()[:12]}"


def save_fingerprint(folder, fingerprint):
    """Store a fingerprint beside the checkpoints.

    Arguments
    ---------
    folder : str
        The folder of the checkpoints.
    fingerprint : dict
        "options" and "data", as described by the functions here.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> save_fingerprint(folder, {"options": {"lr": 0.1}, "data": {}})
    >>> load_fingerprint(folder)["options"]
    {'lr': 0.1}
    """
    with atomic_writer(os.path.join(folder, FINGERPRINT_FILE)) as file:
        json.dump({"version": __version__, **fingerprint}, file, indent=2)


def load_fingerprint(folder):
    """Read what `save_fingerprint` stored.

    Arguments
    ---------
    folder : str
        The folder of the checkpoints.

    Returns
    -------
    fingerprint : dict
        Also with "version", of this package; None if there is none that can
        be read.

    Example
    -------
    >>> load_fingerprint("no/such/folder") is None
    True
    """
    try:
        with open(
            os.path.join(folder, FINGERPRINT_FILE), encoding="utf-8"
        ) as file:
            return json.load(file)
    except (FileNotFoundError, ValueError):
        return None


def guess_fingerprint(folder):
    """Describe a training of a version that stored no fingerprint.

    Arguments
    ---------
    folder : str
        The output folder, with hyperparams.yaml and perhaps manifests.

    Returns
    -------
    fingerprint : dict
        As `load_fingerprint` returns it, of no version.

    Example
    -------
    >>> guess_fingerprint(getfixture("tmpdir"))
    {'version': None, 'options': {}, 'data': {}}
    """
    described = {"version": None, "options": {}, "data": {}}
    with contextlib.suppress(FileNotFoundError, ruamel.yaml.YAMLError):
        path = os.path.join(folder, "hyperparams.yaml")
        described["options"] = describe_contents(describe_options(path))
        described["data"] = describe_data(folder)
    return described


def find_changes(then, now, *, may_differ=(), same_version=True):
    """Find what differs between a training that is there and what is asked.

    Arguments
    ---------
    then, now : dict
        Name to plain value.
    may_differ : set
        Names that do not count, with all that lies in them.
    same_version : bool
        Otherwise what one of the two alone has is an option that another
        version does not know, and does not count.

    Returns
    -------
    changes : dict
        Name to both values; of a list, its first entry that differs. Values
        in objects, which mostly follow from the options, are among them only
        if no option differs.

    Example
    -------
    >>> then = {"lr": 0.1, "opt.lr": 0.1, "depths[0]": 1, "depths[1]": 2}
    >>> now = {"lr": 0.2, "opt.lr": 0.2, "depths[0]": 3, "depths[1]": 3}
    >>> find_changes(then, now)
    {'lr': (0.1, 0.2), 'depths[0]': (1, 3)}
    """
    pairs = {
        name: (then.get(name, ABSENT), now.get(name, ABSENT))
        for name in {**then, **now}
        if same_version or (name in then and name in now)
    }
    pairs = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    of_options = [pair for name, pair in pairs.items() if "." not in name]
    changes = {}
    for name, pair in pairs.items():
        follows = "." in name and pair in of_options
        if re.split(r"[.[]", name)[0] not in may_differ and not follows:
            changes.setdefault(name.split("[")[0], (name, pair))
    changes = dict(changes.values())
    options = {name: pair for name, pair in changes.items() if "." not in name}
    return options or changes


def explain_changes(folder, changes):
    """Put changes into words.

    Arguments
    ---------
    folder : str
        The output folder.
    changes : dict
        As from `find_changes`.

    Returns
    -------
    message : str

    Example
    -------
    >>> print(explain_changes("results", {"lr": (0.1, 0.2)}))
    results holds a training with other settings or data:
      lr: 0.1 then, 0.2 now
    Give another --output_folder, or delete results to begin anew.
    """
    lines = [
        f"  {name}: {then} then, {now} now"
        for name, (then, now) in changes.items()
    ]
    return "\n".join(
        [
            f"{folder} holds a training with other settings or data:",
            *lines,
            f"Give another --output_folder, or delete {folder} to begin anew.",
        ]
    )
