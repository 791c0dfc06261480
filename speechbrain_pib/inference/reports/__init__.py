"""Reports of time lines: pages to look through, to listen to and to correct.

Authors
 * The speechbrain_pib developers 2026
"""
