"""Watching and doing compared on held-out episodes, and whether that goes with success."""
