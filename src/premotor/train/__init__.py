"""Both towers together: step, loop, optimizers, schedule, launch."""
