"""Training: procedural scenes whose every pixel is known, and the loops that train what ships. Imports torch."""
