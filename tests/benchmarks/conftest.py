"""Benchmarks are run by hand: pytest does not import them for doctests.

Authors
 * The speechbrain_pib developers 2026
"""

collect_ignore_glob = ["*.py"]
