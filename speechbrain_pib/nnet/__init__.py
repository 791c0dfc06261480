"""Losses and schedules that SpeechBrain lacks.

Authors
 * The speechbrain_pib developers 2026
"""
