"""One file per prop."""
