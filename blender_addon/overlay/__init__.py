"""The memory as coloured points in the 3D viewport, and picking its patches there.

points.py    which points a patch has, as arrays (NumPy alone)
source.py    a memory object's mesh as those arrays, kept until the mesh changes
shader.py    the program that draws a patch's points
draw.py      the draw handlers
native.py    what Blender itself draws of the mesh meanwhile
"""
