"""Scene and text to the representation e and the next key pose."""
