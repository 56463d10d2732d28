"""How good videos are, as numbers: metrics against the truth, and the camera a video was really taken from."""
