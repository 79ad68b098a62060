"""Every submission of a folder, diagnosed outside the pipeline."""
