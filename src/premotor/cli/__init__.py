"""premotor.cli."""
