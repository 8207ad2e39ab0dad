"""Accuracy and speed of any model in the manifest's form."""
