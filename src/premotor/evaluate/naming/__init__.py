"""A recognizer names held-out clips: how many rightly, and what is taken for what."""
