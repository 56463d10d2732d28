"""What a check of the path found, kept in the scene for the panel and as markers on the timeline."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
from bpy.props import BoolProperty, CollectionProperty, IntProperty, StringProperty

from mosaic_core.wording import phrase

from ..registry import registration
from ..translations import in_words

MARKER_PREFIX = "check:"


class MosaicFinding(bpy.types.PropertyGroup):
    """One finding; `name` is the short one for a button."""

    kind: StringProperty()
    sentence: StringProperty()
    has_frames: BoolProperty()
    first: IntProperty()
    last: IntProperty()


def forget_findings(scene: bpy.types.Scene) -> None:
    """Take away the findings of the check before, with their markers."""
    scene.mosaic_findings.clear()
    for marker in [m for m in scene.timeline_markers if m.name.startswith(MARKER_PREFIX)]:
        scene.timeline_markers.remove(marker)


def add_finding(
    scene: bpy.types.Scene, kind: str, label: str, sentence: str, *, stretches: Iterable[tuple[int, int]] = ()
) -> None:
    """Keep a finding: once for each stretch of frames, each with its marker, or once about the whole path.

    Phrases are kept in Blender's language: what was found is a text of this moment, and the next check replaces it.
    """
    for first, last in list(stretches) or [(None, None)]:
        finding = scene.mosaic_findings.add()
        finding.kind, finding.name, finding.sentence = kind, in_words(label), in_words(sentence)
        if first is not None:
            finding.has_frames, finding.first, finding.last = True, first, last
            until = in_words(phrase("{label}, to {last}", label=label, last=last))
            scene.timeline_markers.new(f"{MARKER_PREFIX} {until}", frame=first)


_register_classes, _unregister_classes = registration(MosaicFinding)


def register() -> None:
    _register_classes()
    bpy.types.Scene.mosaic_findings = CollectionProperty(type=MosaicFinding)
    bpy.types.Scene.mosaic_checked = StringProperty(name="Checked", description="What the last check looked at")


def unregister() -> None:
    del bpy.types.Scene.mosaic_checked
    del bpy.types.Scene.mosaic_findings
    _unregister_classes()
