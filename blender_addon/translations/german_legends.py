"""German for the legends of the overlays: templates, whose braces take the same values in any language."""

from __future__ import annotations

WORDS = {
    "0.5": "0,5",
    "0: from the side or far away": "0: von der Seite oder von fern",
    "1: seen from the path's direction, sharp": "1: aus der Richtung des Wegs gesehen, scharf",
    "Age: all views are of one moment": "Alter: alle Ansichten sind von einem Augenblick",
    "Changed since {take}": "Geändert seit {take}",
    "Confidence along the path": "Verlässlichkeit entlang des Wegs",
    "Conflicts: the views agree": "Widersprüche: die Ansichten sind sich einig",
    "Coverage: least at frame {frame}, {known:.0%} known": (
        "Abdeckung: am wenigsten bei Bild {frame}, {known:.0%} bekannt"
    ),
    "Holes: {path:.1%} of the path, {worst:.1%} at frame {frame}": (
        "Löcher: {path:.1%} des Wegs, {worst:.1%} bei Bild {frame}"
    ),
    "Holes: {reason}": "Löcher: {reason}",
    "Nothing changed since {take}": "Nichts geändert seit {take}",
    "Path: {count} frames": "Weg: {count} Bilder",
    "Path: {reason}": "Weg: {reason}",
    "View {number}": "Ansicht {number}",
    "Views": "Ansichten",
    "a later view sees past it": "eine spätere Ansicht sieht daran vorbei",
    "added": "hinzugekommen",
    "an earlier view saw past it": "eine frühere Ansicht sah daran vorbei",
    "and {count} more": "und {count} weitere",
    "another view shows it in other colours": "eine andere Ansicht zeigt es in anderen Farben",
    "as fast as a latent of four frames follows": "so schnell, wie ein Latent von vier Bildern folgt",
    "as in that take": "wie in jenem Take",
    "captured": "aufgenommen",
    "every frame": "jedes Bild",
    "every {step} frames": "alle {step} Bilder",
    "generated": "erzeugt",
    "gone": "verschwunden",
    "imported": "importiert",
    "in 1 of {count} frames": "in 1 von {count} Bildern",
    "looking ...": "wird gesucht ...",
    "looking along the path ...": "der Weg wird abgesucht ...",
    "moved or altered": "bewegt oder verändert",
    "never seen": "nie gesehen",
    "no view contradicts it": "keine Ansicht widerspricht",
    "no view saw this place": "keine Ansicht sah diesen Ort",
    "reading the memory ...": "das Gedächtnis wird gelesen ...",
    "sampling the path ...": "der Weg wird abgetastet ...",
    "seen in {share:.0%} of the path's frames": "in {share:.0%} der Bilder des Wegs gesehen",
    "slow; a tick {frames}": "langsam; ein Strich {frames}",
    "the path does not see it": "der Weg sieht es nicht",
    "too fast: {count} frames between {first} and {last}": "zu schnell: {count} Bilder zwischen {first} und {last}",
    "{age:.3g} s before the newest view": "{age:.3g} s vor der neuesten Ansicht",
}
