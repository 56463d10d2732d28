"""The errors Mosaic raises on purpose. Their text is one sentence an artist can act on: what was expected, what came.

Whoever shows an error to a person (panel, command line) catches `MosaicError` and prints it as it is; anything
else is a defect of ours and keeps its traceback.
"""


class MosaicError(Exception):
    """Base of every error raised on purpose."""


class CameraError(MosaicError):
    """A camera or a camera path that cannot be used: no frames, NaN, zero focal length, absurd size."""


class MemoryFileError(MosaicError):
    """A `.mosaic` file that is missing, truncated, corrupted, of a newer version, or not ours."""


class FormatError(MosaicError):
    """A file of another program, an image or a point cloud, that cannot be read, or cannot hold what is exported."""


class EditError(MosaicError):
    """An edit that names unknown placements or carries an impossible transform."""


class CaptureError(MosaicError):
    """Blender could not be captured: no camera, nothing visible, an unsupported camera type."""


class GenerateError(MosaicError):
    """A clip could not be made: unknown engine, unwritable folder, full disk, missing memory."""


class EvaluateError(MosaicError):
    """Something that cannot be measured: images, masks or features that do not fit together, or are not finite."""


class WorkerError(MosaicError):
    """The GPU process failed: missing Python, no torch, crash, hang, garbage, out of memory."""


class Cancelled(MosaicError):
    """The user cancelled. Not a failure: nothing half-written is left behind."""
