"""What the study is measured against, and the measurement."""
