"""premotor.measure."""
