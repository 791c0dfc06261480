"""Command line of the recipes: where hyperparameter files are looked up, which
options are SpeechBrain's, and what happens when no data is given.

Authors
 * The speechbrain_pib developers 2026
"""

import dataclasses
import os
import sys

import speechbrain as sb
from ruamel.yaml import YAML
from speechbrain.utils.logger import get_logger
from speechbrain.utils.run_opts import HELP_TEXTS, RunOptions

from speechbrain_pib.training.overrides import (
    load_defaults,
    read_overrides,
    suggest,
)
from speechbrain_pib.utils.devices import check_device

logger = get_logger(__name__)

LISTS = ("jit_module_keys", "compile_module_keys")
RUN_OPTIONS = {*HELP_TEXTS, *LISTS}
SWITCHES = {name for name in RUN_OPTIONS if RunOptions()[name] is False}
COUNTS = ("debug_batches", "grad_accumulation_factor", "optimizer_step_limit")


def find_beside(path, script):
    """Find a file from here or, failing that, from beside a script.

    Arguments
    ---------
    path : str
        As the user typed it.
    script : str
        The recipe's train.py.

    Returns
    -------
    path : str

    Raises
    ------
    FileNotFoundError
        If it is in neither place.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> path = folder.mkdir("hparams").join("pib.yaml").ensure()
    >>> found = find_beside("hparams/pib.yaml", str(folder / "train.py"))
    >>> found == str(path)
    True
    """
    beside = os.path.join(os.path.dirname(os.path.abspath(script)), path)
    for candidate in (path, beside):
        if os.path.exists(candidate):
            return candidate
    raise FileNotFoundError(f"there is no {path}, nor {beside}")


def split_arguments(arguments):
    """Tell SpeechBrain's run options from overrides of hyperparameters.

    SpeechBrain's own parser takes a beginning of a run option for it, so that
    --optimizer=AdamW would set optimizer_step_limit, and breaks values at "=".

    Arguments
    ---------
    arguments : list of str
        A command line.

    Returns
    -------
    files : list of str
        What belongs to no option: the hyperparameter file.
    run_options : list of str
        For SpeechBrain, switches without a value. They may have been given
        as True or False.
    overrides : dict
        Name of each other option to the text of its value.

    Example
    -------
    >>> split_arguments(["a.yaml", "--test_only=True", "--lr", "0.1"])
    (['a.yaml'], ['--test_only'], {'lr': '0.1'})
    """
    files, run_options, overrides = [], [], {}
    for name, values in _group(arguments):
        if name is None:
            files += values
        elif name in SWITCHES:
            is_told = values and values[0].lower() in ("true", "false")
            if not is_told or values[0].lower() == "true":
                run_options.append(f"--{name}")
            files += values[bool(is_told) :]
        elif name in RUN_OPTIONS:
            if name in LISTS:  # as SpeechBrain or as YAML has them
                listed = " ".join(values).strip("[]").replace(",", " ").split()
                values = []
                run_options += [f"--{name}", *listed]
            else:
                run_options += [f"--{name}", *values[:1]]
            files += values[1:]
        else:
            overrides[name] = " ".join(values)
    return files, run_options, overrides


def _group(arguments):
    """Yield the name of each option and its values; None for what comes before
    the first one."""
    name, values = None, []
    for argument in arguments:
        if argument.startswith("--"):
            yield name, values
            name, sign, value = argument[2:].partition("=")
            values = [value] * bool(sign)
        else:
            values.append(argument)
    yield name, values


def parse_recipe_arguments(script, miniature=None, arguments=None):
    """Parse a recipe's command line.

    As speechbrain.parse_arguments; the hyperparameter file may be given from
    the current folder or from beside the script, and values are what their
    defaults in it are, see `read_overrides`. Without --data_folder or
    --packed_folder, the overrides in the file for the miniature are put before
    the user's own.

    Arguments
    ---------
    script : str
        The recipe's train.py.
    miniature : str
        Overrides for a run without data (default: data_folder is needed).
    arguments : list
        The command line without the script (default: sys.argv[1:]).

    Returns
    -------
    hparams_file : str
    run_opts : speechbrain.utils.run_opts.RunOptions
    overrides : dict
        For load_hyperpyyaml.

    Raises
    ------
    FileNotFoundError
        If there is no such hyperparameter file.
    ValueError
        If it is broken, or the command line is wrong.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> folder.join("a.yaml").write("data_folder: !PLACEHOLDER")
    >>> _, run_opts, overrides = parse_recipe_arguments(
    ...     str(folder / "train.py"),
    ...     arguments=["a.yaml", "--data_folder=/data", "--device=cpu"],
    ... )
    >>> overrides, run_opts["device"]
    ({'data_folder': '/data'}, 'cpu')
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if "-h" in arguments or "--help" in arguments:
        sb.parse_arguments(["--help"])  # which ends the process
    files, run_options, given = split_arguments(arguments)
    if len(files) != 1:
        raise ValueError(
            f"expected one hyperparameter file, got {files}; the name of an "
            "option begins with --"
        )
    hparams_file = find_beside(files[0], script)
    run_opts = _read_run_options(hparams_file, run_options)
    defaults = load_defaults(hparams_file)
    for name in given:
        if name not in defaults:
            close = suggest(name, [*defaults, *sorted(RUN_OPTIONS)])
            raise ValueError(f"{hparams_file} has no --{name}{close}")
    overrides = read_overrides(given, defaults)
    if "data_folder" in overrides:
        return hparams_file, run_opts, overrides
    if overrides.get("packed_folder") is not None:
        return hparams_file, run_opts, {**overrides, "data_folder": None}
    if miniature is None:
        raise ValueError(
            "give the data with --data_folder=/path/to/the/data; see the "
            "README beside the recipe for its layout"
        )
    logger.warning(BANNER)
    with open(find_beside(miniature, script), encoding="utf-8") as file:
        small = YAML().load(file)
    # What is under the name of the hyperparameter file comes first.
    small.update(small.pop(os.path.basename(hparams_file), {}))
    small = {name: small[name] for name in small if name in defaults}
    return hparams_file, run_opts, {**small, **overrides}


def _read_run_options(hparams_file, run_options):
    """SpeechBrain's run options, from those of a command line."""
    _, run_opts, _ = sb.parse_arguments([hparams_file, *run_options])
    for name in COUNTS:
        value = run_opts[name]
        if value is not None and not (str(value).isdecimal() and int(value)):
            raise ValueError(
                f"--{name}={value}: expected a whole number from 1 on"
            )
    if run_opts["device"] is not None:
        check_device(run_opts["device"])
    limit = run_opts["optimizer_step_limit"]
    # SpeechBrain leaves it as it was typed.
    return dataclasses.replace(
        run_opts, optimizer_step_limit=limit and int(limit)
    )


BANNER = """No --data_folder was given.
==========================================================================
  This run makes its own MINIATURE data set and trains a small model on it,
  to show that everything works. Its numbers say nothing about real data.
  For real data: --data_folder=/path/to/the/data
=========================================================================="""
