"""Frames and projections on numpy arrays, nothing else."""
