"""A comparison of ways to train as tables and as one offline page, from its records alone."""
