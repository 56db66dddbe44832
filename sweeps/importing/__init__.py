"""A finished run of others becomes a completed trial of a sweep."""
