"""premotor.report."""
