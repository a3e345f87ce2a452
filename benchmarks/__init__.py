"""Speed and memory, measured: `make bench`. Ratios within one run travel, seconds do not.

`coverage` is no speed: it simulates how often the intervals hold the truth.
"""
