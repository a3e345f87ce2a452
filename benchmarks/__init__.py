"""Speed and memory, measured: `make bench`. Ratios within one run travel, seconds do not."""
