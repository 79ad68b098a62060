"""What touches files."""
