"""premotor.data."""
