"""Lets pytest collect the doctests of recipes, whose files import siblings.

Authors
 * The speechbrain_pib developers 2026
"""

from contextlib import nullcontext

import pytest

from tests.helpers import recipe_folder


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Import a file as the recipe's train.py would."""
    is_file = isinstance(collector, pytest.File)
    with recipe_folder(collector.path.parent) if is_file else nullcontext():
        return (yield)
