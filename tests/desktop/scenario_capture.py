"""Capture from the dialog: its cameras in the viewport, Escape before and during the capture, then all of it.

Every click is a real event; after each step Blender's data must say that it happened, and a picture is kept.
"""

from __future__ import annotations

import bpy
import numpy as np

RING_COLLECTION = "Mosaic Capture Ring"


def settings():
    return bpy.context.scene.mosaic


def ring() -> list:
    collection = bpy.data.collections.get(RING_COLLECTION)
    return list(collection.objects) if collection else []


def scenario(desk):
    yield from desk.move(*desk.centre())
    yield from desk.press("ESC")
    yield from desk.open_sidebar("Mosaic")
    settings().capture_width, settings().capture_height = 320, 180
    yield from cancel_and_capture(desk)


def cancel_and_capture(desk):
    objects = len(bpy.data.objects)
    yield from desk.click_button("mosaic.capture_wizard(")
    yield from desk.until(lambda: len(ring()) > 0, "the dialog shows the ring's cameras")
    yield from desk.shot("c01_dialog")
    yield from desk.press("ESC")
    yield from desk.until(lambda: not ring(), "Escape takes the ring away")
    desk.check(len(bpy.data.objects) == objects, "and leaves nothing else")
    yield from desk.click_button("mosaic.capture_wizard(")
    yield from desk.until(lambda: len(ring()) > 0, "the dialog shows the ring's cameras again")
    yield from desk.wait(0.5)
    yield from desk.press("RET")
    yield from desk.wait(1.0)
    yield from desk.press("ESC")
    yield from desk.until(lambda: not ring(), "Escape stops the capture and takes the ring away")
    desk.check(settings().memory is None and len(bpy.data.objects) == objects, "and nothing was changed")
    yield from desk.click_button("mosaic.capture_wizard(")
    yield from desk.until(lambda: len(ring()) > 0, "the dialog shows the ring's cameras once more")
    number = len(ring())
    yield from desk.wait(0.5)
    yield from desk.press("RET")
    yield from desk.until(lambda: settings().memory is not None, "the ring is captured", limit_s=150)
    mesh = settings().memory.data
    views = np.zeros(len(mesh.polygons), np.int32)
    mesh.attributes["view"].data.foreach_get("value", views)
    desk.check(len(np.unique(views)) == number, f"the memory has a view a camera ({number})")
    desk.check(not ring() and RING_COLLECTION not in bpy.data.collections, "the ring is gone afterwards")
    yield from desk.shot("c02_captured")
