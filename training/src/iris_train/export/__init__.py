"""From a checkpoint to what the server reads."""
