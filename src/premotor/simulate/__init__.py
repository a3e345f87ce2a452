"""premotor.simulate."""
