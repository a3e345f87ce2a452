"""The report of a run: reads records only, writes one self-contained page."""
