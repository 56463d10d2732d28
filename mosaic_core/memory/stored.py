"""Views, patches and features that lie in a file and are read array by array, when first asked for.

They are the same nouns as in memory: whoever uses them cannot tell, but for an array that turns out to be damaged,
which raises `MemoryFileError` where it is touched. What was read stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

import numpy as np

from .features import Features
from .patches import Patches, held_columns
from .view import View, check_z_depth

Loaders = Mapping[str, Callable[[], np.ndarray]]
Digests = Mapping[str, tuple[str, ...]]


class _Stored:
    """Attributes that are read on first use. Python asks `__getattr__` only for what is not there yet.

    `digests` are the listed checksums of each array's pieces in the file: whether it holds the same needs no reading.
    """

    _loaders: Loaders
    digests: Digests

    def __getattr__(self, name: str) -> Any:
        loader = self.__dict__.get("_loaders", {}).get(name)
        if loader is None:
            raise AttributeError(f"{type(self).__name__} has no {name}")
        array = loader()
        object.__setattr__(self, name, array)
        return array


class StoredView(_Stored, View):
    """A view in a file."""

    @classmethod
    def of(cls, loaders: Loaders, digests: Digests, **known: Any) -> StoredView:
        """A view of these arrays; `known` is everything that is no array, already checked."""
        view = cls.__new__(cls)

        def z_depth() -> np.ndarray:
            return check_z_depth(loaders["z_depth"](), known["name"])

        for name, value in {**known, "_loaders": {**loaders, "z_depth": z_depth}, "digests": digests}.items():
            object.__setattr__(view, name, value)
        return view


class StoredPatches(_Stored, Patches):
    """A patch table in a file; its length is known without reading a column."""

    @classmethod
    def of(cls, loaders: Loaders, digests: Digests, count: int) -> StoredPatches:
        """A table of `count` patches of these columns."""
        patches = cls.__new__(cls)
        for name, value in {"_loaders": loaders, "digests": digests, "_count": count, "_columns": {}}.items():
            object.__setattr__(patches, name, value)
        return patches

    def __getattr__(self, name: str) -> np.ndarray:
        return Patches.__getattr__(self, name)

    def _held(self, name: str) -> np.ndarray:
        columns: dict[str, np.ndarray] = self.__dict__["_columns"]
        if name not in columns:
            # Quads are held relative to the centres: those are read once for both.
            known = {"centre_world": self._held("centre_world")} if name in ("steps", "exponent") else {}
            columns.update(held_columns(name, lambda given: known[given] if given in known else self._loaders[given]()))
        return columns[name]

    def __len__(self) -> int:
        return self.__dict__["_count"]


class StoredFeatures(_Stored, Features):
    """A feature table in a file; its size is known without reading it."""

    @classmethod
    def of(cls, loaders: Loaders, digests: Digests, *, dtype: str, shape: tuple[int, int]) -> StoredFeatures:
        """A table of this shape; its array is `values`."""
        features = cls.__new__(cls)
        for name, value in {"_loaders": loaders, "digests": digests, "dtype": dtype, "_shape": shape}.items():
            object.__setattr__(features, name, value)
        return features

    def __len__(self) -> int:
        return self.__dict__["_shape"][0] if "_shape" in self.__dict__ else len(self.values)

    @property
    def channels(self) -> int:
        """Numbers a patch."""
        return self.__dict__["_shape"][1] if "_shape" in self.__dict__ else self.values.shape[1]


def unread(owner: object, name: str) -> np.ndarray:
    """An array of a view, a table or features, without keeping it where it still lies in a file."""
    if name not in owner.__dict__ and isinstance(owner, _Stored):
        return owner._loaders[name]()
    return getattr(owner, name)


class RowMaps(Sequence[np.ndarray]):
    """The row maps of a memory's views, (H, W) int32 each; those that lie in a file are read when first asked for."""

    def __init__(self, maps: Sequence[np.ndarray | Callable[[], np.ndarray]], digests: Sequence[str] = ()) -> None:
        self._maps = list(maps)
        self.digests = tuple(digests)  # the listed checksums of the first maps, where those came out of a file

    def __len__(self) -> int:
        return len(self._maps)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> RowMaps: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | RowMaps:
        if isinstance(index, slice):
            return RowMaps(self._maps[index])
        found = self._maps[index]
        if not isinstance(found, np.ndarray):
            found = self._maps[index] = found()
        return found

    def unread(self, index: int) -> np.ndarray:
        """A map, without keeping it where it still lies in a file."""
        found = self._maps[index]
        return found if isinstance(found, np.ndarray) else found()

    def followed_by(self, more: Sequence[np.ndarray]) -> RowMaps:
        """These and more, without reading any."""
        return RowMaps([*self._maps, *(more._maps if isinstance(more, RowMaps) else more)], self.digests)


def row_maps(maps: Sequence[np.ndarray]) -> RowMaps:
    """The same maps, none of them read."""
    return maps if isinstance(maps, RowMaps) else RowMaps(maps)
