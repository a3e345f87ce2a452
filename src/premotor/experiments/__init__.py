"""premotor.experiments."""
