"""Which scene object each pixel belongs to.

A flat colour names the object that was drawn, but an artist thinks in objects of the scene: what a collection instance
shows belongs to the Empty that instances it. Where two Empties show the same objects, the colour alone cannot tell them
apart. Then they are numbered, and one more render for each binary digit leaves out those whose number has it: pixels
that change have that digit. A thousand instances cost ten renders, and the answer is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .facts import SceneFacts
from .palette import Palette
from .passes import ExactPass

# Two renders of one surface agree to the last bit; this is far below any two surfaces that can be told apart.
_SAME_DEPTH = 1e-6


def owner_names(
    exact: ExactPass,
    facts: SceneFacts,
    palette: Palette,
    *,
    render_without: Callable[[frozenset[str]], ExactPass],
) -> dict[str, np.ndarray]:  # owner's full name -> (H, W) bool, its pixels; only those with any
    """Share the pixels of an exact pass among the scene's objects; renders again only where instances need it."""
    seen = [int(index) for index in np.unique(exact.indices) if index]
    shared = [index for index in seen if len(facts.owners.get(index, ())) > 1]
    numbers = _numbers({index: facts.owners[index] for index in shared}, palette)
    number_map = _render_numbers(exact, numbers, render_without)
    masks: dict[str, np.ndarray] = {}
    for index in seen:
        pixels = exact.indices == index
        owners = facts.owners.get(index) or {palette.objects[index - 1].name_full}
        for name, mask in _shares(pixels, owners, index, palette, numbers, number_map):
            masks[name] = masks[name] | mask if name in masks else mask
    return {name: mask for name, mask in sorted(masks.items()) if mask.any()}


def _numbers(shared: dict[int, set[str]], palette: Palette) -> dict[str, int]:
    """Numbers from 1 for the instancing objects.

    An object that is also there by itself gets none, which reads as 0: hiding it would hide its instances with it.
    """
    own = {palette.objects[index - 1].name_full for index in shared}
    names = sorted(set().union(*shared.values()) - own)
    return {name: number for number, name in enumerate(names, start=1)}


def _render_numbers(
    exact: ExactPass,
    numbers: dict[str, int],
    render_without: Callable[[frozenset[str]], ExactPass],
) -> np.ndarray:  # (H, W) int32
    """The number each pixel's owner has, as far as owners have numbers."""
    number_map = np.zeros(exact.indices.shape, dtype=np.int32)
    for digit in range(len(numbers).bit_length()):
        hidden = frozenset(name for name, number in numbers.items() if number >> digit & 1)
        other = render_without(hidden)
        with np.errstate(invalid="ignore"):  # inf - inf where both show sky
            moved = np.abs(other.z_depth - exact.z_depth) > _SAME_DEPTH * exact.z_depth
        number_map |= (moved | (other.indices != exact.indices)).astype(np.int32) << digit
    return number_map


def _shares(
    pixels: np.ndarray,
    owners: set[str],
    index: int,
    palette: Palette,
    numbers: dict[str, int],
    number_map: np.ndarray,
) -> list[tuple[str, np.ndarray]]:
    """Split the pixels of one drawn object among its owners; what no number explains goes to the first of them."""
    if len(owners) == 1:
        return [(next(iter(owners)), pixels)]
    own = palette.objects[index - 1].name_full
    first = own if own in owners else min(owners)
    shares, left = [], pixels
    for name in sorted(owners - {first}):
        mask = pixels & (number_map == numbers.get(name, 0))
        shares.append((name, mask))
        left = left & ~mask
    return [(first, left), *shares]
