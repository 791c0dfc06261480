"""Reading of audio, manifests and annotations."""
