"""premotor.store."""
