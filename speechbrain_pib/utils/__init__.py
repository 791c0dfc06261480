"""What all other folders stand on: files, processes, pickles, weights.

Authors
 * The speechbrain_pib developers 2026
"""
