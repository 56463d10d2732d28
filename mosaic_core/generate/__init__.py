"""Shot -> Clip: run an engine along a path and put what comes out on disk."""

from .clip import Clip
from .run import FrameDone, GenerateEvent, generate
from .shot import Prompt, Shot, shot_from_json, shot_to_json

__all__ = ["Clip", "FrameDone", "GenerateEvent", "Prompt", "Shot", "generate", "shot_from_json", "shot_to_json"]
