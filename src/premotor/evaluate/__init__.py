"""premotor.evaluate."""
