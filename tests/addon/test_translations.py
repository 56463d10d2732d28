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


def german(text: str) -> str:
    """A phrase as Blender shows it to Germans; what has no German is a failure."""
    from mosaic_core.wording import shown

    return shown(text, lambda english: LANGUAGES["de"][english])


@pytest.fixture
def in_german(monkeypatch):
    """Phrases are shown in German, in a Blender without languages too."""
    from blender_addon import jobs, translations

    for module in (translations, jobs):
        monkeypatch.setattr(module, "in_words", german)


def test_how_far_a_job_is_stands_in_the_panel_in_german(in_german):
    from blender_addon.jobs import _show
    from tests.worker.test_jobs import FRAME, HELLO, after

    _show(after(HELLO, FRAME))
    assert bpy.context.window_manager.mosaic_job.text == "Bild 2 von 4, noch 1 min 01 s"
    _show(after(HELLO))
    assert bpy.context.window_manager.mosaic_job.text == "Es wird geladen"


def test_the_status_bar_tells_of_a_capture_in_german():
    from blender_addon.capture.steps import CaptureProgress
    from blender_addon.operators.capture_run import progress_words

    first = progress_words(CaptureProgress(2, 8, "Side: door: picture"))
    assert first == "Capturing 3 of 8: Side: door, picture   (Esc cancels)"
    assert german(first) == "Aufnahme 3 von 8: Side: door, Bild   (Esc bricht ab)"
    last = progress_words(CaptureProgress(8, 8, "making the memory"))
    assert german(last) == "Aufnahme: das Gedächtnis wird gemacht   (Esc bricht ab)"
    beside = progress_words(CaptureProgress(8, 8, "reading the views", editable=True))
    assert german(beside) == "Aufnahme: die Ansichten werden gelesen   (weiterarbeiten geht, Esc bricht ab)"


def test_what_operators_report_is_german(in_german, tmp_path):
    """Errors reach a script as exceptions, so what they say can be read."""
    from .memory_scenes import built

    built(tmp_path)
    bpy.ops.mosaic.select_all(action="DESELECT")
    for operator, sentence in (
        (bpy.ops.mosaic.move, "Zuerst Flicken wählen"),
        (bpy.ops.mosaic.select_grow, "zuerst Flicken wählen"),
    ):
        with pytest.raises(RuntimeError, match=sentence):
            operator()
    with pytest.raises(RuntimeError, match="das Gedächtnis hat 3 Ansichten, eine Ansicht 9 gibt es nicht"):
        bpy.ops.mosaic.select_view(view=9)
    with pytest.raises(RuntimeError, match="es gibt keine Auswahl 'Kisten': zuerst eine behalten"):
        bpy.ops.mosaic.select_set(name="Kisten")


def test_a_report_counts_in_german():
    from blender_addon.operators.memory_poll import told_selected
    from blender_addon.translations import report
    from mosaic_core.errors import MosaicError
    from mosaic_core.wording import counted, phrase

    said: list[tuple[set[str], str]] = []
    listener = SimpleNamespace(report=lambda level, text: said.append((level, text)))
    told_selected(listener, 1)
    report(listener, "ERROR", MosaicError("of somebody else"))
    assert said == [({"INFO"}, "1 patch selected"), ({"ERROR"}, "of somebody else")]
    moved = phrase("{patches} moved", patches=counted(5, "patches"))
    told = phrase("{told}, {patches} locked and left alone", told=moved, patches=counted(1, "patches"))
    assert told == "5 patches moved, 1 patch locked and left alone"
    assert german(told) == "5 Flicken bewegt, 1 Flicken gesperrt und unverändert"


def test_every_phrase_has_german_and_takes_the_same_values():
    from blender_addon.translations import german_legends, german_reports

    templates, words = templates_of_phrases(), {**german_legends.WORDS, **german_reports.WORDS}
    assert not templates - set(LANGUAGES["de"])
    assert not set(words) - templates, "of texts that are shown no longer"
    for english, german in words.items():
        assert _fields(german) == _fields(english), english


def _fields(template: str) -> list[tuple[str, str]]:
    return sorted((name, spec or "") for _, name, spec, _ in Formatter().parse(template) if name)
