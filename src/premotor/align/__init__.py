"""u and e into one space, and the contrast that pulls partners together there."""
