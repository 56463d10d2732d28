"""The memory as coloured points in the 3D viewport, picking its patches there, and what is known of them drawn over.

points.py    which points a patch has, as arrays (NumPy alone)
source.py    a memory object's mesh as those arrays, kept until the mesh changes
shader.py    the program that draws a patch's points
draw.py      the draw handlers
native.py    what Blender itself draws of the mesh meanwhile

What else is drawn over the viewport, each a switch of the panel View (`settings.py`):

colouring.py   what the colours of the patches say, a function a mode; ramps.py the colours
frusta.py      the cameras of the views as lines
path.py        the camera's path with ticks, coloured by speed
legend.py      what the colours mean, on the screen
show.py        the draw handlers of these; lines.py and picture.py bring them to the graphics card
readout_preview.py   through the path camera, what the engine will be fed
supply.py      what all of them are drawn from, kept up to date; changes.py says when it is not
background.py  the thread that finds it out; tasks.py and since_take.py what it does, knowledge.py what came of it
"""
