"""The sidebar "Mosaic" of the 3D viewport."""
