"""Work in independent pieces, on this machine or on a cluster."""
