"""Experts, and their demonstrations on disk."""
