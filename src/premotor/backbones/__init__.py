"""Blocks both towers build from: the code is shared, parameters never are."""
