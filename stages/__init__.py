"""The stages of the pipeline, each a module."""
