"""What is imported is declared in setup.py.

Authors
 * The speechbrain_pib developers 2026
"""

import ast
import re
import sys
from importlib.metadata import packages_distributions

import pytest

from tests.helpers import ROOT

SOURCES = [
    path
    for pattern in ("speechbrain_pib/**/*.py", "recipes/*/*.py")
    for path in sorted(ROOT.glob(pattern))
]


def normalize(requirement):
    """The name of a package, as registries compare names."""
    name = re.match(r"[\w.-]+", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def declared():
    """Names of the packages that setup.py requires, and of those in extras."""
    tree = ast.parse((ROOT / "setup.py").read_text("utf-8"))
    call = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    )
    given = {
        keyword.arg: ast.literal_eval(keyword.value)
        for keyword in call.keywords
        if keyword.arg in ("install_requires", "extras_require")
    }
    extras = sum(given["extras_require"].values(), [])
    return set(map(normalize, given["install_requires"])), set(
        map(normalize, extras)
    )


@pytest.fixture(scope="module")
def packages_of():
    """The packages that are installed here, of each module."""
    return packages_distributions()


def imported(path):
    """Yield modules that a file imports, and whether that is at its import."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        else:
            continue
        for name in names:
            yield name.partition(".")[0], node in tree.body


def is_ours(module, path):
    """Tell whether a module needs no package: Python's, or a file of ours."""
    return (
        module in sys.stdlib_module_names
        or module == "speechbrain_pib"
        or (path.parent / f"{module}.py").is_file()
    )


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_imports_are_declared(path, declared, packages_of):
    required, extras = declared
    for module, at_once in imported(path):
        if is_ours(module, path):
            continue
        names = set(map(normalize, packages_of.get(module, [module])))
        wanted = required if at_once else required | extras
        assert names & wanted, f"{module} is not declared in setup.py"
