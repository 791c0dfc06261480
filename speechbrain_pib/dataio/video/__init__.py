"""Video files, and features extracted from them.

Authors
 * The speechbrain_pib developers 2026
"""
