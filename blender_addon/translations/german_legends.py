"""German for texts with numbers in them: legends, captions, what panels count, what a check of a path finds.

Templates, whose braces take the same values in any language.
"""

from __future__ import annotations

WORDS = {
    "0.5": "0,5",
    "0: from the side or far away": "0: von der Seite oder von fern",
    "1 finding": "1 Befund",
    "1 object": "1 Objekt",
    "1 patch": "1 Flicken",
    "1 view": "1 Ansicht",
    "1: seen from the path's direction, sharp": "1: aus der Richtung des Wegs gesehen, scharf",
    "2 of 2: make the video, {camera}.": "2 von 2: das Video machen, {camera}.",
    "A is {take}. Press B at another take to compare with it.": (
        "A ist {take}. B bei einem anderen Take vergleicht mit ihm."
    ),
    "Age: all views are of one moment": "Alter: alle Ansichten sind von einem Augenblick",
    (
        "Around frame {frame} the camera moves {move:.3g} m in {span} frames, and the scene is {distance:.3g} m away: "
        "more than half of the picture is new by then, which the model cannot follow, so slow down."
    ): (
        "Um Bild {frame} bewegt sich die Kamera in {span} Bildern um {move:.3g} m, und die Szene ist {distance:.3g} m "
        "entfernt: mehr als die Hälfte ist dann neu, dem kann das Modell nicht folgen, also langsamer."
    ),
    (
        "Around frame {frame} the camera turns {turn:.0f} degrees in {span} frames, and the picture is {fov:.0f} "
        "degrees wide: more than half of it is new by then, which the model cannot follow, so slow down."
    ): (
        "Um Bild {frame} dreht sich die Kamera in {span} Bildern um {turn:.0f} Grad, bei einem Blickwinkel von "
        "{fov:.0f} Grad: mehr als die Hälfte ist dann neu, dem kann das Modell nicht folgen, also langsamer."
    ),
    "Between frames {first} and {last} the camera passes through {name}.": (
        "Zwischen den Bildern {first} und {last} geht die Kamera durch {name}."
    ),
    "Capture from {names} with Add Views": "Mit „Ansichten dazu“ von {names} aufnehmen",
    "Changed since {take}": "Geändert seit {take}",
    "Confidence along the path": "Verlässlichkeit entlang des Wegs",
    "Conflicts: the views agree": "Widersprüche: die Ansichten sind sich einig",
    "Coverage: least at frame {frame}, {known:.0%} known": (
        "Abdeckung: am wenigsten bei Bild {frame}, {known:.0%} bekannt"
    ),
    "Frames {first} to {last} checked": "Bilder {first} bis {last} geprüft",
    "From frame {first} to {last} memory knows as little as {least:.0%} of the picture: the rest is made up.": (
        "Von Bild {first} bis {last} kennt das Gedächtnis nur {least:.0%} des Bildes: der Rest wird erfunden."
    ),
    "From {frame}: {text}{strength}": "Ab {frame}: {text}{strength}",
    "Generate from {memory}": "Aus {memory} erzeugen",
    "Holes: {path:.1%} of the path, {worst:.1%} at frame {frame}": (
        "Löcher: {path:.1%} des Wegs, {worst:.1%} bei Bild {frame}"
    ),
    "Holes: {reason}": "Löcher: {reason}",
    "Key the View at {frame}": "Keyframe der Ansicht bei {frame}",
    "No memory to ask what it knows of them": "Kein Gedächtnis, das man nach ihnen fragen könnte",
    "Nothing changed since {take}": "Nichts geändert seit {take}",
    "Path: {count} frames": "Weg: {count} Bilder",
    "Path: {reason}": "Weg: {reason}",
    "Queue: {all} done": "Warteschlange: {all} fertig",
    "Queue: {left} of {all} left": "Warteschlange: noch {left} von {all}",
    "The scene's camera: {name}": "Die Kamera der Szene: {name}",
    "View {number}": "Ansicht {number}",
    "Views": "Ansichten",
    "What the engine is fed: frame {frame}, {width} x {height}, {holes:.1%} holes": (
        "Was die Engine bekommt: Bild {frame}, {width} x {height}, {holes:.1%} Löcher"
    ),
    "a later view sees past it": "eine spätere Ansicht sieht daran vorbei",
    "added": "hinzugekommen",
    "along a path": "entlang eines Wegs",
    "along {camera}": "entlang {camera}",
    "an earlier view saw past it": "eine frühere Ansicht sah daran vorbei",
    "and {count} more": "und {count} weitere",
    "and {count} more on the timeline": "und {count} weitere auf der Zeitleiste",
    "{first} to {last} of {all}": "{first} bis {last} von {all}",
    "another axis is up": "eine andere Achse zeigt nach oben",
    "another view shows it in other colours": "eine andere Ansicht zeigt es in anderen Farben",
    "as fast as the model can follow": "so schnell, wie das Modell folgen kann",
    "as in that take": "wie in jenem Take",
    "captured": "aufgenommen",
    "every frame": "jedes Bild",
    "every {step} frames": "alle {step} Bilder",
    "follows {curve}": "folgt {curve}",
    "generated": "erzeugt",
    "gone": "verschwunden",
    "imported": "importiert",
    "in 1 of {count} frames": "in 1 von {count} Bildern",
    "in centimetres": "in Zentimetern",
    "inverted matrices": "umgekehrte Matrizen",
    "jumps": "springt",
    "looking ...": "wird gesucht ...",
    "looking along the path ...": "der Weg wird abgesucht ...",
    "looks at {target}": "blickt auf {target}",
    "moved or altered": "bewegt oder verändert",
    "never seen": "nie gesehen",
    "no view contradicts it": "keine Ansicht widerspricht",
    "no view saw this place": "keine Ansicht sah diesen Ort",
    "outside the scene": "außerhalb der Szene",
    "reading the memory ...": "das Gedächtnis wird gelesen ...",
    "sampling the path ...": "der Weg wird abgetastet ...",
    "seen in {share:.0%} of the path's frames": "in {share:.0%} der Bilder des Wegs gesehen",
    "slow; a tick {frames}": "langsam; ein Strich {frames}",
    "the path does not see it": "der Weg sieht es nicht",
    "through {name}": "durch {name}",
    "too fast": "zu schnell",
    "too fast: {count} frames between {first} and {last}": "zu schnell: {count} Bilder zwischen {first} und {last}",
    "unusual lens": "ungewöhnliches Objektiv",
    "upside down": "auf dem Kopf",
    "{age:.3g} s before the newest view": "{age:.3g} s vor der neuesten Ansicht",
    "{count} findings": "{count} Befunde",
    "{count} frames in which the camera moves a little to the side and back": (
        "{count} Bilder, in denen die Kamera ein wenig zur Seite und zurück fährt"
    ),
    "{count} objects": "{count} Objekte",
    "{count} of {all} patches selected": "{count} von {all} Flicken gewählt",
    "{count} patches": "{count} Flicken",
    "{count} patches selected": "{count} Flicken gewählt",
    "{count} views": "{count} Ansichten",
    "{first} to {last}": "{first} bis {last}",
    "{follows}, {count} frames from {first}": "{follows}, {count} Bilder ab {first}",
    "{known:.0%} of the path is known": "{known:.0%} des Wegs sind bekannt",
    "{known:.0%} with 1 more capture": "{known:.0%} mit 1 weiteren Aufnahme",
    "{known:.0%} with {count} more captures": "{known:.0%} mit {count} weiteren Aufnahmen",
    "{label}, to {last}": "{label}, bis {last}",
    "{least:.0%} known": "{least:.0%} bekannt",
    "{line} (being made again ...)": "{line} (wird neu gemacht ...)",
}
