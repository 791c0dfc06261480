"""Metrics, reports and pictures of a test.

Authors
 * The speechbrain_pib developers 2026
"""
