"""Statistics on arrays: similarity, retrieval, permutation nulls, intervals (numpy, float64)."""
