"""Tests of what `mosaic evaluate` measures with."""
