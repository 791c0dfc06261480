"""Command line of the recipes: where hyperparameter files are looked up, and
what happens when no data is given.

Authors
 * The speechbrain_pib developers 2026
"""

import os
import sys

import speechbrain as sb
import yaml
from speechbrain.utils.logger import get_logger
from speechbrain.utils.run_opts import RunOptions

logger = get_logger(__name__)


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


def drop_flag_values(arguments):
    """Let SpeechBrain's switches be given as ``--test_only True`` too.

    Arguments
    ---------
    arguments : list
        A command line.

    Returns
    -------
    arguments : list
        The same with bare switches; those given as False are left out.

    Example
    -------
    >>> drop_flag_values(["a.yaml", "--test_only", "True", "--debug=False"])
    ['a.yaml', '--test_only']
    """
    defaults = RunOptions().as_dict()
    switches = {
        f"--{name}" for name, value in defaults.items() if value is False
    }
    kept, values = [], {"True": True, "False": False}
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in switches and value in values:
            kept += [name] * values[value]
        elif argument in values and kept and kept[-1] in switches:
            kept = kept if values[argument] else kept[:-1]
        else:
            kept.append(argument)
    return kept


def parse_recipe_arguments(script, miniature=None, arguments=None):
    """Parse a recipe's command line.

    As speechbrain.parse_arguments; the hyperparameter file may be given from
    the current folder or from beside the script. Without --data_folder or
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
    run_opts : dict
    overrides : str
        YAML.

    Example
    -------
    >>> folder = getfixture("tmpdir")
    >>> folder.join("a.yaml").write("data_folder: !PLACEHOLDER")
    >>> _, run_opts, overrides = parse_recipe_arguments(
    ...     str(folder / "train.py"),
    ...     arguments=["a.yaml", "--data_folder=/data", "--device=cpu"],
    ... )
    >>> overrides, run_opts["device"]
    ('data_folder: /data', 'cpu')
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    arguments = drop_flag_values(arguments)
    if arguments and not arguments[0].startswith("-"):
        arguments[0] = find_beside(arguments[0], script)
    hparams_file, run_opts, overrides = sb.parse_arguments(arguments)
    given = yaml.compose(overrides) if overrides else None
    names = {key.value for key, _ in given.value} if given else set()
    if "data_folder" in names:
        return hparams_file, run_opts, overrides
    if "packed_folder" in names:
        return hparams_file, run_opts, f"{overrides}\ndata_folder: null"
    if miniature is None:
        raise ValueError(
            "give the data with --data_folder=/path/to/the/data; see the "
            "README beside the recipe for its layout"
        )
    logger.warning(BANNER)
    small = _select_overrides(
        find_beside(miniature, script), hparams_file, names
    )
    return hparams_file, run_opts, "\n".join([small, overrides]).strip()


BANNER = """No --data_folder was given.
==========================================================================
  This run makes its own MINIATURE data set and trains a small model on it,
  to show that everything works. Its numbers say nothing about real data.
  For real data: --data_folder=/path/to/the/data
=========================================================================="""


def _select_overrides(path, hparams_file, taken):
    """Take the miniature's overrides of what this hyperparameter file holds
    and the user did not set; those under the name of the file come first."""
    with open(hparams_file) as file:
        known = {key.value for key, _ in yaml.compose(file).value}
    with open(path) as file:
        node = yaml.compose(file)
    overrides = {key.value: (key, value) for key, value in node.value}
    section = overrides.get(os.path.basename(hparams_file))
    if section is not None:
        overrides |= {key.value: (key, v) for key, v in section[1].value}
    node.value = [
        overrides[name] for name in overrides if name in known - taken
    ]
    return yaml.serialize(node)
