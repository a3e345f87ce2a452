"""premotor.demonstrate."""
