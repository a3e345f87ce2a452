"""premotor.align."""
