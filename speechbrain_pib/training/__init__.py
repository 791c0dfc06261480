"""Brains, optimizers and checkpoints: what a training needs.

Authors
 * The speechbrain_pib developers 2026
"""
