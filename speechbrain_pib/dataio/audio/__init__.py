"""Audio files: finding, locating, reading and checking them.

Authors
 * The speechbrain_pib developers 2026
"""
