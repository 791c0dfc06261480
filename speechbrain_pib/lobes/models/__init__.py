"""Networks of Play It Back and their parts.

Authors
 * The speechbrain_pib developers 2026
"""
