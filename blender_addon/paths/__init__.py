"""Camera paths as native curves and cameras, and their export as a `CameraPath`."""
