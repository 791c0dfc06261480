"""Metrics, plots, weights and optimiser groups.

Authors
 * The speechbrain_pib developers 2026
"""
