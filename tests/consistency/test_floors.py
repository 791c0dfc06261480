"""Which folder may import which: folders form floors, no import runs up.

Authors
 * The speechbrain_pib developers 2026
"""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.helpers import ROOT

# From the ground up. Those of one floor may import each other, not in circles.
FLOORS = (
    {"__init__", "utils"},
    {"augment", "dataio", "lobes", "nnet"},
    {"epic", "evaluation"},
    {"inference", "training"},
    {"__main__", "commands", "core"},
    {"recipes"},
)
FLOOR_OF = {room: n for n, floor in enumerate(FLOORS) for room in floor}


def sources(root):
    """List the files of the package and of the recipes."""
    patterns = ("speechbrain_pib/**/*.py", "recipes/*/*.py")
    return sorted(path for x in patterns for path in root.glob(x))


def parts_of(path, root):
    """Split a path into folders below the root and the name of the module."""
    return path.relative_to(root).with_suffix("").parts


def room_of(parts):
    """Return the folder, or file, of the package to which parts belong."""
    return "recipes" if parts[0] == "recipes" else parts[1]


def folder_of(parts):
    """Return the folder of a module; files beside core.py are their own."""
    return "/".join(parts[:-1] if len(parts) > 2 else parts)


def imported_names(path, root):
    """Yield line and parts of each imported name, wherever the import is."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            base = node.module.split(".") if node.module else []
            if node.level:
                base = [*path.relative_to(root).parts[: -node.level], *base]
            for alias in node.names:
                yield node.lineno, [*base, alias.name]


def module_of(parts, root):
    """Return the module that has a name: its longest part that is a file."""
    for end in range(len(parts), 0, -1):
        path = root.joinpath(*parts[:end])
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return parts_of(candidate, root)
    return None


def read_imports(root):
    """Yield place, importing module and imported module of our imports."""
    for path in sources(root):
        for line, name in imported_names(path, root):
            module = module_of(name, root)
            if module is not None:
                place = f"{path.relative_to(root)}:{line}"
                yield place, parts_of(path, root), module


def upward_imports(root):
    """List the imports that run up."""
    return [
        f"{place} imports {'.'.join(target)}"
        for place, source, target in read_imports(root)
        if FLOOR_OF[room_of(source)] < FLOOR_OF[room_of(target)]
    ]


def order_folders(root):
    """List the folders from the ground up; a circle is a CycleError."""
    graph = defaultdict(set)
    for _, source, target in read_imports(root):
        if folder_of(source) != folder_of(target):
            graph[folder_of(source)].add(folder_of(target))
    return list(TopologicalSorter(graph).static_order())


def test_every_folder_has_a_floor():
    rooms = {room_of(parts_of(path, ROOT)) for path in sources(ROOT)}
    assert rooms <= set(FLOOR_OF)


def test_no_import_runs_up():
    assert not upward_imports(ROOT)


def test_folders_import_each_other_in_no_circle():
    order = order_folders(ROOT)
    assert order.index("speechbrain_pib/utils") < order.index(
        "speechbrain_pib/core"
    )


@pytest.fixture
def house(tmp_path):
    """A package of which each folder has one module, and one recipe."""
    for room in ("utils", "dataio", "lobes", "training"):
        (tmp_path / "speechbrain_pib" / room).mkdir(parents=True)
        (tmp_path / f"speechbrain_pib/{room}/__init__.py").touch()
        (tmp_path / f"speechbrain_pib/{room}/{room}_files.py").touch()
    (tmp_path / "speechbrain_pib/__init__.py").write_text("__version__ = '1'")
    (tmp_path / "speechbrain_pib/core.py").touch()
    (tmp_path / "recipes/ESC50").mkdir(parents=True)
    (tmp_path / "recipes/ESC50/train.py").write_text(
        "import json\nfrom speechbrain_pib.core import Brain\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    "code, target",
    [
        ("from speechbrain_pib.core import Brain", "core"),
        ("from speechbrain_pib import core", "core"),
        ("import speechbrain_pib.core as ours", "core"),
        ("from .. import core", "core"),
        ("from ..training.training_files import f", "training.training_files"),
        (
            "def f():\n    from speechbrain_pib import training",
            "training.__init__",
        ),
        ("if TYPE_CHECKING:\n    from speechbrain_pib import core", "core"),
    ],
)
def test_an_import_that_runs_up_is_found(house, code, target):
    path = house / "speechbrain_pib/dataio/dataio_files.py"
    path.write_text(code)
    (found,) = upward_imports(house)
    assert found.startswith("speechbrain_pib/dataio/dataio_files.py:")
    assert found.endswith(f" imports speechbrain_pib.{target}")


def test_imports_that_run_down_or_aside_are_allowed(house):
    (house / "speechbrain_pib/dataio/dataio_files.py").write_text(
        "import numpy\n"
        "from speechbrain_pib import __version__\n"
        "from ..utils import utils_files\n"
        "from speechbrain_pib.lobes.lobes_files import Lobe\n"
    )
    assert not upward_imports(house)
    order = order_folders(house)
    assert order.index("speechbrain_pib/lobes") < order.index(
        "speechbrain_pib/dataio"
    )


def test_a_circle_of_folders_is_found(house):
    (house / "speechbrain_pib/dataio/dataio_files.py").write_text(
        "from speechbrain_pib.lobes import lobes_files\n"
    )
    (house / "speechbrain_pib/lobes/__init__.py").write_text(
        "def f():\n    import speechbrain_pib.dataio.dataio_files\n"
    )
    assert not upward_imports(house)
    with pytest.raises(CycleError, match="dataio.*lobes|lobes.*dataio"):
        order_folders(house)


def test_a_circle_of_folders_within_a_folder_is_found(house):
    (house / "speechbrain_pib/dataio/audio").mkdir()
    (house / "speechbrain_pib/dataio/audio/wavs.py").write_text(
        "from ..dataio_files import read\n"
    )
    (house / "speechbrain_pib/dataio/dataio_files.py").write_text(
        "from .audio.wavs import write\n"
    )
    with pytest.raises(CycleError, match="dataio/audio"):
        order_folders(house)
