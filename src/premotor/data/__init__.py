"""From cached episodes to paired, augmented batches."""
