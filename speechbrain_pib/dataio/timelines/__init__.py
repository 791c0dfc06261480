"""Time lines: events of a recording, and the files that hold them.

Authors
 * The speechbrain_pib developers 2026
"""
