"""Memory as a native Blender mesh: built, read back, validated, relinked."""
