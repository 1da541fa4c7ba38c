"""How it works, privacy and accessibility: for everybody who comes by."""
