"""Data sets on disk, and the cache that training reads."""
