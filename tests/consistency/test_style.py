"""What a linter does not see: docstrings, dead YAML keys, complete tables.

Authors
 * The speechbrain_pib developers 2026
"""

import ast
import csv
import fnmatch
import re
from pathlib import Path

import pytest
from speechbrain.utils.run_opts import RunOptions

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "speechbrain_pib").rglob("*.py"))
SOURCES = MODULES + sorted((ROOT / "recipes").rglob("*.py"))
YAMLS = sorted((ROOT / "recipes").glob("*/hparams/*.yaml"))
# miniature.yaml holds overrides of its neighbours, nothing to run by itself.
RUNNABLE = [path for path in YAMLS if path.name != "miniature.yaml"]
TOP_LEVEL = {
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "recipes",
    "setup.py",
    "speechbrain_pib",
    "tests",
}
COLUMNS = [
    "Task",
    "Dataset",
    "Script_file",
    "Hparam_file",
    "Data_prep_file",
    "Readme_file",
    "Result_url",
    "HF_repo",
    "test_debug_flags",
    "test_debug_checks",
    "performance",
]
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def name_of(path):
    """Path from the root, as the name of a test."""
    return str(path.relative_to(ROOT))


def public_definitions(node, prefix=""):
    """Public classes and functions of a module, and methods of classes."""
    for child in node.body:
        if isinstance(child, DEFINITIONS) and not child.name.startswith("_"):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from public_definitions(child, f"{prefix}{child.name}.")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_public_names_have_docstrings(path):
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree), "the module has no docstring"
    missing = [
        name
        for name, node in public_definitions(tree)
        if not ast.get_docstring(node)
    ]
    assert not missing


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_short(path):
    assert len(path.read_text("utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_networks_do_not_choose_or_wait_for_a_device(path):
    if not {"lobes", "nnet"} & set(path.relative_to(ROOT).parts):
        return
    calls = [
        f"{node.func.attr} in line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"cuda", "item"}
    ]
    assert not calls


def names_used(path):
    """Attributes, keywords and whole strings of a Python file."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", YAMLS, ids=name_of)
def test_yaml_keys_are_used(path):
    keys = re.findall(r"^([A-Za-z]\w*):", path.read_text("utf-8"), re.M)
    used = set(RunOptions().as_dict())
    # An override file such as miniature.yaml sets keys of its neighbours.
    for neighbour in path.parent.glob("*.yaml"):
        used.update(re.findall(r"<([A-Za-z]\w*)", neighbour.read_text("utf-8")))
    for source in [*path.parents[1].glob("*.py"), *MODULES]:
        used.update(names_used(source))
    assert not sorted(set(keys) - used)


@pytest.mark.parametrize("path", RUNNABLE, ids=name_of)
def test_yaml_has_a_row_in_the_recipe_table(path):
    dataset = path.parents[1].name
    with open(ROOT / f"tests/recipes/{dataset}.csv", newline="") as file:
        table = csv.DictReader(file)
        assert [name.strip() for name in table.fieldnames] == COLUMNS
        rows = [row for row in table if row["Hparam_file"] == name_of(path)]
    assert len(rows) == 1
    for column in ("Script_file", "Data_prep_file", "Readme_file"):
        assert (ROOT / rows[0][column]).is_file(), rows[0][column]


def test_top_level_holds_only_the_agreed_names():
    ignored = [
        line.rstrip("/")
        for line in (ROOT / ".gitignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    extra = [
        path.name
        for path in ROOT.iterdir()
        if path.name not in TOP_LEVEL
        and not path.name.startswith(".")
        and not any(fnmatch.fnmatch(path.name, rule) for rule in ignored)
    ]
    assert not extra
