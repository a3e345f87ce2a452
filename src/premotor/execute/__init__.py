"""premotor.execute."""
