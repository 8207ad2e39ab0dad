"""Assignment, losses and the training loop."""
