"""What was seen and done, as frozen dataclasses over numpy arrays."""
