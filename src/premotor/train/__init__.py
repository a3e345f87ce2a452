"""Both towers together: the whole as one call (`job`); step, loop, optimizers, schedule, launch."""
