"""Augmentation of waveforms and spectrograms.

Authors
 * The speechbrain_pib developers 2026
"""
