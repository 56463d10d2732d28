"""Import Memory: everything the core reads, as a new memory or into the chosen one.

Mosaic's own file is read here. All else (photographs, videos, other programs' folders, point clouds) needs packages
that Blender's Python does not have, so the GPU process's Python runs `mosaic import` or `mosaic photo`, with progress
and Escape, and its result is read. Files are read and written by a thread, so the window stays alive. Nothing in the
scene changes before all is whole.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty
from bpy_extras.io_utils import ImportHelper

from mosaic_core.cameras import save_path
from mosaic_core.errors import Cancelled, CaptureError, MosaicError, WorkerError
from mosaic_core.memory import Memory, load_memory, save_memory
from mosaic_core.memory.adding import added
from mosaic_core.memory.formats import ABOUT_FORMATS
from mosaic_core.worker.command_run import CommandRun

from ..beside import beside
from ..capture import store_steps
from ..capture.store import memory_to_extend
from ..memory import store
from ..paths.sample import path_of_scene
from ..preferences import worker_python
from ..registry import registration
from ..takes import new_log_file

_TICK_S = 0.1
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
_VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})
_POINTS = frozenset({".ply", ".glb"})
# Points are seen from so many cameras of the scene's path where no other cameras are named.
_POINT_VIEWS = 12
# What the process reads and writes, in a folder of its own.
_KNOWN, _IMPORTED = "known.mosaic", "imported.mosaic"
_FORMAT_ITEMS = [
    (name, about[0].upper() + about[1:], "Views with depth, or points") for name, about in ABOUT_FORMATS.items()
]


def kind_of(place: Path, kind: str) -> str:
    """What a file or folder is taken for: `mosaic`, `photo`, or `memory` for a format of the core."""
    suffix = place.suffix.lower()
    if kind == "PHOTO":
        return "photo"
    if kind != "AUTO":
        return "memory"
    if place.is_dir():
        with contextlib.suppress(OSError):
            files = [file.suffix.lower() for file in place.iterdir() if file.is_file()]
            folders = any(entry.is_dir() for entry in place.iterdir())
            if not folders and any(suffix in _PICTURES for suffix in files):
                return "photo"
        return "memory"
    if suffix == ".mosaic":
        return "mosaic"
    return "photo" if suffix in _PICTURES | _VIDEOS else "memory"


class MOSAIC_OT_import_memory(bpy.types.Operator, ImportHelper):
    """Make a memory of photographs, a video, another program's scan or a .mosaic file, or add them to the chosen one"""

    bl_idname = "mosaic.import_memory"
    bl_label = "Import Memory"
    bl_options = {"UNDO"}  # no REGISTER: the redo panel would read everything again

    filename_ext = ".mosaic"
    filter_glob: StringProperty(
        default="*.mosaic;*.ply;*.glb;*.npz;*.png;*.jpg;*.jpeg;*.webp;*.tif;*.bmp;*.mp4;*.mov;*.mkv;*.webm;*.avi",
        options={"HIDDEN"},
    )
    kind: EnumProperty(
        name="Kind",
        description="What the file or folder is",
        items=[
            ("AUTO", "Guess", "By what is there"),
            ("PHOTO", "Photographs or Video", "Depth is estimated; several need a camera path"),
            *_FORMAT_ITEMS,
        ],
        default="AUTO",
    )
    cameras: StringProperty(
        name="Cameras",
        description="A camera path in any format: which camera took each picture, or from where points are looked at",
        subtype="FILE_PATH",
    )
    extend: BoolProperty(
        name="Add to the Memory",
        description="Add to the chosen memory, which must lie in the same world, and keep its edits",
        default=False,
        options={"SKIP_SAVE"},
    )
    median_m: FloatProperty(
        name="Middle Distance",
        description="How far away the middle of a photograph's pixels is: a picture cannot tell",
        default=3.0,
        min=0.01,
        subtype="DISTANCE",
    )
    fov_deg: FloatProperty(
        name="Field of View", description="Horizontal, in degrees, of one photograph without a camera", default=60.0,
        min=1.0, max=170.0,
    )  # fmt: skip
    every: IntProperty(name="Every", description="Of a folder or a video: every so many pictures", default=1, min=1)
    depth_unit: FloatProperty(
        name="Depth Step", description="Metres a step of 16-bit depth images; 0 where the files say it", default=0.0,
        min=0.0, precision=4,
    )  # fmt: skip

    _run: CommandRun | None = None
    _steps: Generator[str, None, None] | None = None
    _told = ""
    _folder: Path | None = None
    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.mode != "OBJECT":
            cls.poll_message_set("Memories are imported in Object Mode")
            return False
        return True

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "kind")
        layout.prop(self, "cameras")
        if store.is_memory(context.scene.mosaic.memory):
            layout.prop(self, "extend", text=f"Add to {context.scene.mosaic.memory.name}")
        for name in ("median_m", "fov_deg", "every", "depth_unit"):
            layout.prop(self, name)
        column = layout.column(align=True)
        column.label(text="Several pictures and videos need Cameras:", icon="INFO")
        column.label(text="Mosaic does not find out how a camera moved")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._start(context)
            if context.window is not None and not bpy.app.background:
                self._timer = context.window_manager.event_timer_add(_TICK_S, window=context.window)
                context.window_manager.progress_begin(0, 100)
                context.window_manager.modal_handler_add(self)
                return {"RUNNING_MODAL"}
            for _ in self._steps:
                if self._run is not None:
                    self._run.wait()
        except (MosaicError, OSError) as error:
            return self._failed(context, error)
        return self._finished(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            self.cancel(context)
            self.report({"INFO"}, "Import cancelled: nothing was changed")
            return {"CANCELLED"}
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}  # the file must not change under an import
        try:
            label = next(self._steps, None)
        except (MosaicError, OSError) as error:
            return self._failed(context, error)
        except BaseException:
            self.cancel(context)
            raise
        if label is None:
            return self._finished(context)
        if self._run is not None:
            context.window_manager.progress_update(int(100 * self._run.fraction))
        context.workspace.status_text_set(f"Importing: {label}   (Esc cancels)")
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender calls this when the window closes."""
        if self._run is not None:
            self._run.close()
            self._run = None
        if self._steps is not None:
            self._steps.close()  # waits for the thread, which may be writing into the folder
            self._steps = None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            context.window_manager.progress_end()
            context.workspace.status_text_set(None)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _start(self, context: bpy.types.Context) -> None:
        """Check what was chosen and read what the steps need of Blender's data. Raises `MosaicError`."""
        place = Path(bpy.path.abspath(self.filepath))
        if not place.exists():
            raise CaptureError(f"cannot import {place}: there is no such file or folder")
        if self.extend and not store.is_memory(context.scene.mosaic.memory):
            raise CaptureError("the scene has no memory to add to: choose one, or import into a new one")
        kind = kind_of(place, self.kind)
        if kind == "mosaic":
            known = memory_to_extend(context) if self.extend else None
            reading = beside(lambda: _read(place, known), "reading the memory")
        else:
            self._folder = Path(tempfile.mkdtemp(prefix="mosaic-import-", dir=bpy.app.tempdir or None))
            arguments = self._arguments(context, place, kind)
            known = memory_to_extend(context) if self.extend else None
            reading = self._made_by_process(worker_python(), arguments, self._folder, known)
        self._steps = self._all_steps(context, reading, name=place.stem or place.name)

    def _all_steps(
        self, context: bpy.types.Context, reading: Generator[str, None, Memory], *, name: str
    ) -> Generator[str, None, None]:
        """The memory, then its file and its object; each step says what is being done."""
        memory = yield from reading
        obj = yield from store_steps(context, memory, name=name, extend=self.extend, progress="saving the memory")
        self._told = f"{obj.name}: {len(memory.views)} views, {len(memory.patches)} patches"

    def _made_by_process(
        self, python: str, arguments: list[str], folder: Path, known: Memory | None
    ) -> Generator[str, None, Memory]:
        """What the GPU process's Python makes, `known` with it. Raises `WorkerError`."""
        if known is not None:
            yield from beside(lambda: save_memory(known, folder / _KNOWN), "saving the chosen memory for the process")
        self._run = CommandRun(python, arguments, log_file=new_log_file())
        while self._run.running:
            yield self._run.line or "starting"
        if self._run.error:
            raise WorkerError(self._run.error)
        return (yield from beside(lambda: load_memory(folder / _IMPORTED), "reading the memory"))

    def _arguments(self, context: bpy.types.Context, place: Path, kind: str) -> list[str]:
        """The command line of `mosaic` for what was chosen. Raises `MosaicError`."""
        cameras = Path(bpy.path.abspath(self.cameras)) if self.cameras else None
        if kind == "photo":
            arguments = ["photo", str(place), "--median-m", str(self.median_m), "--fov-deg", str(self.fov_deg)]
            arguments += ["--every", str(self.every)]
            if cameras is None and (place.is_dir() or place.suffix.lower() in _VIDEOS):
                raise CaptureError(
                    "several pictures and videos need the cameras that took them: name a camera path under Cameras, "
                    "as Mosaic does not find out how a camera moved"
                )
        else:
            arguments = ["import", str(place)]
            if self.kind != "AUTO":
                arguments += ["--format", self.kind]
            if self.depth_unit:
                arguments += ["--depth-unit", str(self.depth_unit)]
            if cameras is None and place.suffix.lower() in _POINTS:
                cameras = self._scene_cameras(context)
        if cameras is not None:
            arguments += ["--cameras", str(cameras)]
        if self.extend:
            arguments += ["--into", str(self._folder / _KNOWN)]
        return [*arguments, "--out", str(self._folder / _IMPORTED)]

    def _scene_cameras(self, context: bpy.types.Context) -> Path:
        """The scene's own path, to look at points from."""
        scene, settings = context.scene, context.scene.mosaic
        step = max(1, (scene.frame_end - scene.frame_start) // _POINT_VIEWS)
        size = {"image_height": settings.capture_height, "image_width": settings.capture_width}
        file = self._folder / "cameras.json"
        save_path(path_of_scene(context, step=step, **size), file)
        return file

    def _finished(self, context: bpy.types.Context) -> set[str]:
        self.cancel(context)
        self.report({"INFO"}, self._told)
        return {"FINISHED"}

    def _failed(self, context: bpy.types.Context, error: Exception) -> set[str]:
        self.cancel(context)
        if not isinstance(error, Cancelled):
            self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


def _read(place: Path, known: Memory | None) -> Memory:
    """A `.mosaic` file's memory, added to `known` where there is one."""
    memory = load_memory(place)
    return memory if known is None else added(known, memory)


register, unregister = registration(MOSAIC_OT_import_memory)
