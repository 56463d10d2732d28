"""`QuadReport`: what reading a mesh back found, as numbers for scripts and as sentences for artists."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class QuadReport:
    """Counts. The first four say what the artist did, the others what is odd about the mesh."""

    placements: int = 0  # in the result, those without a quad included
    moved: int = 0
    copied: int = 0
    deleted: int = 0
    plain: int = 0  # faces without a row: ordinary geometry, ignored
    foreign: int = 0  # faces of another memory, ignored
    unknown: int = 0  # faces whose row the memory does not hold, ignored
    broken: int = 0  # triangles and polygons where a quad was, ignored
    cut_up: int = 0  # pieces of subdivided or extruded quads, ignored
    collapsed: int = 0  # quads without an area, ignored
    sheared: int = 0  # quads stretched out of shape: the nearest similarity is taken
    locked: int = 0  # locked patches that were moved or deleted, and stay where they are all the same

    @property
    def healthy(self) -> bool:
        """Nothing is odd: every face stands for a placement, undistorted."""
        return not self.sentences()

    @property
    def ignored(self) -> int:
        """Faces that stand for nothing."""
        return self.plain + self.foreign + self.unknown + self.broken + self.cut_up + self.collapsed

    def sentences(self) -> tuple[str, ...]:
        """What is odd, one sentence each, the gravest first."""
        table = (
            (self.cut_up, "{n} are pieces of cut-up patches and are ignored: Repair makes them whole"),
            (self.broken, "{n} lost or gained corners and are ignored: Repair makes them whole"),
            (self.collapsed, "{n} have no area and are ignored: Repair makes them whole"),
            (self.unknown, "{n} name patches that the memory does not hold and are ignored"),
            (self.foreign, "{n} belong to another memory and are ignored"),
            (self.plain, "{n} are ordinary geometry, not patches, and are ignored"),
            (self.sheared, "{n} are stretched out of shape: the nearest undistorted placement is used"),
            (self.locked, "{n} were moved or deleted although locked, and stay where they were"),
        )
        return tuple(text.format(n=_faces(count)) for count, text in table if count)


def _faces(count: int) -> str:
    return "1 face" if count == 1 else f"{count} faces"
