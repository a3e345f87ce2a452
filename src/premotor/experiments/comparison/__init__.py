"""Does alignment help? Arms trained alike but for one thing, over seeds, and what they come to."""
