"""How fast and how light the extension is, measured in real kernels beside httpx written by hand."""
