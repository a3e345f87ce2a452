"""Roll-outs, recognition and alignment on episodes that training never saw."""
