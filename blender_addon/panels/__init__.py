"""The tab "Mosaic" in the 3D viewport's sidebar, a module a panel, in the order of the work."""
