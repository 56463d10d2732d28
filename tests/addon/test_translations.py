"""The add-on in another language: Blender shows German where the artist chose it, and English where it is missing."""

from __future__ import annotations

from string import Formatter
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from blender_addon.translations import CONTEXT, LANGUAGES, dictionary

from .shown_strings import labels_and_tooltips, templates_of_phrases


@pytest.fixture
def german_blender():
    """Blender in German; the test is skipped where this build has no languages."""
    view = bpy.context.preferences.view
    before = view.language
    for name in ("de_DE", "de"):
        try:
            view.language = name
            break
        except TypeError:
            continue
    else:
        pytest.skip("this Blender has no German")
    view.use_translate_interface = view.use_translate_tooltips = True
    yield
    view.language = before


def test_labels_and_tooltips_are_shown_in_german(german_blender):
    from bpy.app.translations import pgettext_iface, pgettext_tip

    assert pgettext_iface("Capture Memory", "Operator") == "Gedächtnis aufnehmen"
    assert pgettext_iface("First Video") == "Erstes Video"
    assert pgettext_iface("Memory", CONTEXT) == "Gedächtnis", "and not Speicher, as Blender has it"
    assert pgettext_tip("Move the selected patches") == "Die gewählten Flicken bewegen"
    assert pgettext_iface("a text that nobody translated") == "a text that nobody translated"


def test_titles_of_panels_are_ours_where_blender_knows_the_word_too():
    panels = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("MOSAIC_PT_")]
    sidebar = [panel for panel in panels if panel.bl_space_type == "VIEW_3D"]
    assert len(sidebar) >= 10 and {panel.bl_translation_context for panel in sidebar} == {CONTEXT}
    assert {panel.bl_label for panel in sidebar} <= set(LANGUAGES["de"])
    assert dictionary({"Memory": "Gedächtnis"})[CONTEXT, "Memory"] == "Gedächtnis"


def test_most_labels_have_german_and_little_german_is_of_labels_that_are_gone():
    from blender_addon.translations.german import WORDS

    labels, tips = labels_and_tooltips()
    gone = sorted(set(WORDS) - labels - tips)
    assert len(gone) < 0.1 * len(WORDS), f"translations of texts that are shown no longer: {gone}"
    assert len(labels & set(WORDS)) > 0.6 * len(labels)
    assert all(text.strip() for text in WORDS.values())


def test_legends_are_drawn_in_german_where_blender_is(german_blender):
    from blender_addon.overlay.colouring import Legend
    from blender_addon.overlay.legend import translated
    from mosaic_core.wording import phrase

    legend = translated(Legend(phrase("Path: {count} frames", count=48), (((1, 0, 0, 1), phrase("never seen")),)))
    assert legend == Legend("Weg: 48 Bilder", (((1, 0, 0, 1), "nie gesehen"),))


def test_phrases_are_german_with_their_numbers():
    from mosaic_core.wording import phrase, shown

    def german(text: str) -> str:
        return shown(text, lambda english: LANGUAGES["de"].get(english, english))

    tick = phrase("slow; a tick {frames}", frames=phrase("every {step} frames", step=5))
    assert tick == "slow; a tick every 5 frames"
    title = phrase("Holes: {path:.1%} of the path, {worst:.1%} at frame {frame}", path=0.021, worst=0.3, frame=7)
    assert german(title) == "Löcher: 2.1% des Wegs, 30.0% bei Bild 7"
    assert german(tick) == "langsam; ein Strich alle 5 Bilder"
    assert german("Views") == "Views", "the name of somebody's camera"


def test_the_caption_of_the_live_preview_is_german():
    from blender_addon.overlay.readout_preview import Shown, label_of
    from mosaic_core.wording import shown

    readout = SimpleNamespace(covered=np.arange(100).reshape(10, 10) >= 5)
    made = label_of(Shown(readout, None, 7, is_current=True))
    again = label_of(Shown(readout, None, 7, is_current=False))
    assert made == "What the engine is fed: frame 7, 10 x 10, 5.0% holes" and again == f"{made} (being made again ...)"
    german = [shown(text, lambda english: LANGUAGES["de"][english]) for text in (made, again)]
    assert german[0] == "Was die Engine bekommt: Bild 7, 10 x 10, 5.0% Löcher"
    assert german[1] == f"{german[0]} (wird neu gemacht ...)"


def test_what_is_too_fast_is_told_in_german_with_its_numbers():
    from mosaic_core.cameras import Camera
    from mosaic_core.cameras.plausibility import check_path
    from mosaic_core.cameras.presets import even_times, pan
    from mosaic_core.wording import shown

    whip = pan(np.array([0.0, -5.0, 1.7]), np.array([0.0, 0.0, 1.0]), times=even_times(21), angle_deg=200)
    camera = Camera.from_fov(np.eye(4), fov_deg=60, image_height=360, image_width=640)
    (finding,) = (finding for finding in check_path(whip.to_path(camera, fps=24)) if finding.kind == "speed")
    german = shown(finding.sentence, lambda english: LANGUAGES["de"][english])
    assert "dreht sich die Kamera in 4 Bildern um 40 Grad, bei einem Blickwinkel von 60 Grad" in german


def test_every_phrase_has_german_and_takes_the_same_values():
    from blender_addon.translations.german_legends import WORDS

    templates = templates_of_phrases()
    assert not templates - set(LANGUAGES["de"])
    assert not set(WORDS) - templates, "of texts that are shown no longer"
    for english, german in WORDS.items():
        assert _fields(german) == _fields(english), english


def _fields(template: str) -> list[tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(template) if name)
