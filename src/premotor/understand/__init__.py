"""premotor.understand."""
