"""What a model can do: decoding, one metric a file, and the protocols that tie them to data sets."""
