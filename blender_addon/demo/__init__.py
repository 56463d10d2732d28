"""`mosaic demo`: a courtyard composed from code, captured, edited, and turned into video."""
