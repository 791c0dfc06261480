"""Overrides of hyperparameters from a command line.

What is typed is text. YAML alone would make a date of the folder 2026-11-25, a
number of 007 and a list of letters of a path where a list of paths belongs;
the default in the hyperparameter file tells what is meant.

Authors
 * The speechbrain_pib developers 2026
"""

import datetime
import difflib
import math
import re

from hyperpyyaml import resolve_references
from ruamel.yaml import YAML, YAMLError
from ruamel.yaml.comments import TaggedScalar
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

# Names of files, folders and projects, where the default, null, does not tell.
TEXT = re.compile(r".*_(folder|lists?|weights|backbone|info|project)")
# Sizes that cannot be 0. Numbers that are not negative by default stay so.
FROM_ONE = re.compile(
    r"(n|num|number_of)_(?!workers).*"
    r"|(.*_)?(size|length|dim|heads|views|sample_rate)"
)


def load_defaults(path):
    """Load a hyperparameter file without making any of its objects.

    Arguments
    ---------
    path : str
        The file, in HyperPyYAML.

    Returns
    -------
    defaults : dict
        Name to value, with references resolved; what must be given is "".

    Raises
    ------
    ValueError
        If the file is no HyperPyYAML; the line is named where it is known.

    Example
    -------
    >>> path = getfixture("tmpdir") / "a.yaml"
    >>> path.write("seed: 3\\nfolder: !ref results/<seed>\\ndata: !PLACEHOLDER")
    >>> dict(load_defaults(path))
    {'seed': 3, 'folder': 'results/3', 'data': ''}
    """
    try:
        with open(path, encoding="utf-8") as file:
            placeholders = {
                name: ""
                for name, value in YAML().load(file).items()
                if isinstance(value, TaggedScalar)
                and value.tag.value == "!PLACEHOLDER"
            }
            file.seek(0)
            return YAML().load(resolve_references(file, placeholders))
    except AttributeError as error:
        raise ValueError(f"{path} holds no hyperparameters") from error
    except (ValueError, YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        place = path if mark is None else f"{path}, line {mark.line + 1}"
        reason = " ".join(str(getattr(error, "problem", error)).split())
        raise ValueError(f"{place}: not HyperPyYAML ({reason})") from error


def read_overrides(given, defaults):
    """Read values that were typed as what their defaults are.

    Arguments
    ---------
    given : dict
        Name of an option to the text of its value.
    defaults : dict
        As from `load_defaults`. Where the default is text, so is the value;
        where it is a list, a single value is a list of one; where it is null,
        the value is what YAML makes of it, but for dates and names of files.

    Returns
    -------
    overrides : dict
        For load_hyperpyyaml.

    Raises
    ------
    ValueError
        If there is no value, or one of another kind, a negative one, or zero
        where that cannot be.

    Example
    -------
    >>> defaults = {"folder": "results", "lists": ["a.csv"], "lr": 0.1}
    >>> given = {"folder": "2026-11-25", "lists": "/d/b.csv", "lr": "1e-3"}
    >>> read_overrides(given, defaults)
    {'folder': '2026-11-25', 'lists': ['/d/b.csv'], 'lr': 0.001}
    """
    return {
        name: _read(name, text, defaults[name]) for name, text in given.items()
    }


def suggest(name, names):
    """Say which name was perhaps meant.

    Arguments
    ---------
    name : str
        What was typed.
    names : iterable of str
        What there is.

    Returns
    -------
    suggestion : str
        The end of a message; empty if nothing resembles it.

    Example
    -------
    >>> suggest("batchsize", ["batch_size", "lr"])
    '; did you mean --batch_size?'
    """
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean --{close[0]}?" if close else ""


def _read(name, text, default):
    """The value of an option, which is what its default is."""
    if not text:
        raise ValueError(f"--{name} has no value; give --{name}=VALUE")
    if default is None and TEXT.fullmatch(name) and text != "null":
        default = ""
    if text.startswith("!"):  # such as !ref <seed>
        return _parse(name, text)
    if isinstance(default, str):
        return _read_text(name, text)
    if isinstance(default, bool):
        return _read_switch(name, text)
    if isinstance(default, int | float):
        return _read_number(name, text, default)
    if isinstance(default, list):
        return _read_list(name, text, default)
    if default is None:
        return _guess(name, text)
    return _read_mapping(name, text, default)


def _read_text(name, text):
    """Text, unless HyperPyYAML would stumble over it or make something else of
    it; quoted, as it takes (a, b) for a tuple."""
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise ValueError(f"--{name}={text!a} is not UTF-8")
    if re.search("<[^>]*>", text):
        raise ValueError(f"--{name}={text}: <name> would be a reference")
    return DoubleQuotedScalarString(text)


def _parse(name, text):
    """What YAML makes of a text."""
    try:
        return YAML().load(text)
    except YAMLError as error:
        raise ValueError(f"--{name}={text} is not YAML") from error


def _compose(name, text):
    """The nodes of a text, and a function from a node to its text."""
    try:
        node = YAML().compose(text)
    except YAMLError as error:
        raise ValueError(f"--{name}={text} is not YAML") from error

    def text_of(node):
        tagged = str(node.tag).startswith("!")
        if isinstance(node, ScalarNode) and not tagged:
            return node.value
        return text[node.start_mark.index : node.end_mark.index]

    return node, text_of


def _read_switch(name, text):
    """True or False."""
    values = {"true": True, "false": False}
    if text.lower() not in values:
        raise ValueError(f"--{name}={text}: expected True or False")
    return values[text.lower()]


def _read_number(name, text, default):
    """A number; whole where the default is."""
    try:
        value = float(text)
        if isinstance(default, int):
            value = int(text) if text.isdecimal() else _whole(value)
    except ValueError:
        value = math.nan
    return _check_number(name, text, value, default)


def _whole(value):
    """A whole number, or not a number."""
    return int(value) if value.is_integer() else math.nan


def _check_number(name, text, value, default):
    """The value of an option, if it may have it."""
    lowest = -math.inf if default < 0 else int(bool(FROM_ONE.fullmatch(name)))
    if not lowest <= value < math.inf:
        kind = "a whole number" if isinstance(default, int) else "a number"
        limit = f" from {lowest} on" if lowest >= 0 else ""
        raise ValueError(f"--{name}={text}: expected {kind}{limit}")
    return value


def _read_list(name, text, default):
    """A list; one value is a list of it, null is none."""
    if text == "null":
        return []
    item = default[0] if default else None
    if not text.startswith("["):
        return [_read(name, text, item)]
    node, text_of = _compose(name, text)
    return [_read(name, text_of(part), item) for part in node.value]


def _read_mapping(name, text, default):
    """A mapping, whose values are what they are by default; or nothing."""
    if text == "null":
        return None
    if not text.startswith("{"):
        raise ValueError(
            f"--{name}={text}: expected {{key: value}}, an object such as "
            "!new:module.Class, or null"
        )
    node, text_of = _compose(name, text)
    known = default if isinstance(default, dict) else {}
    return {
        key.value: _read(key.value, text_of(value), known.get(key.value))
        for key, value in node.value
    }


def _guess(name, text):
    """What YAML makes of a text, where the default does not tell."""
    value = _parse(name, text)
    if isinstance(value, str | datetime.date):
        return _read_text(name, text)
    if isinstance(value, int | float):
        return _check_number(name, text, value, type(value)(0))
    return value
