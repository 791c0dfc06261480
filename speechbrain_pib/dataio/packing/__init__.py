"""Clips packed into few large files: HDF5 and tar shards.

Authors
 * The speechbrain_pib developers 2026
"""
