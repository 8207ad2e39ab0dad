"""Training of the models that Iris ships."""
