"""One module per asset: its definition, its checks, its metadata."""
