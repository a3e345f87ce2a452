"""Clip and text to the representation u and the name of the action."""
