"""Pretrained interfaces.

Authors
 * The speechbrain_pib developers 2026
"""
