"""EPIC-KITCHENS-100 and EPIC-SOUNDS: two data sets of the same videos.

Authors
 * The speechbrain_pib developers 2026
"""
