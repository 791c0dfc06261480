"""Feature extractors and networks.

Authors
 * The speechbrain_pib developers 2026
"""
