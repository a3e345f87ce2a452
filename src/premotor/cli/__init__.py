"""The commands; only here does the package speak to a terminal."""
