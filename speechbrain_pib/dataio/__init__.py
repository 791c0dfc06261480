"""Data: preparing them, manifests, and data sets of audio and videos."""
