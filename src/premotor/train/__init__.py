"""premotor.train."""
