"""German of what is reported and of how far something is: templates of phrases, as in `german_legends`."""

from __future__ import annotations

WORDS = {
    "All selected patches are locked: select others": "Alle gewählten Flicken sind gesperrt: andere wählen",
    "Cancelled": "Abgebrochen",
    "Cancelling": "Wird abgebrochen",
    "Capture cancelled: nothing was changed": "Aufnahme abgebrochen: nichts wurde geändert",
    "Capturing {number} of {total}: {camera}, {what}   ({keys})": (
        "Aufnahme {number} von {total}: {camera}, {what}   ({keys})"
    ),
    "Capturing: {what}   ({keys})": "Aufnahme: {what}   ({keys})",
    "Done": "Fertig",
    "Ending": "Wird beendet",
    "Esc cancels": "Esc bricht ab",
    "Failed": "Fehlgeschlagen",
    "Frame {done} of {total}": "Bild {done} von {total}",
    "Frame {done} of {total}, writing the video": "Bild {done} von {total}, das Video wird geschrieben",
    "Frame {done} of {total}, {left} left": "Bild {done} von {total}, noch {left}",
    "Generating into {folder}": "Es wird erzeugt, in {folder}",
    "Kept as {name}": "Behalten als {name}",
    "Loading": "Es wird geladen",
    "Select some patches first": "Zuerst Flicken wählen",
    "Starting the GPU process": "Der GPU-Prozess startet",
    "The take is in {folder}": "Der Take liegt in {folder}",
    "There is no take yet: generate one first": "Es gibt noch keinen Take: zuerst einen erzeugen",
    "a set needs a name of 1 to {most} characters": "eine Auswahl braucht einen Namen von 1 bis {most} Zeichen",
    "depth and objects": "Tiefe und Objekte",
    "done, go back to Object Mode to get the memory": "fertig, das Gedächtnis kommt im Objektmodus",
    "done, go back to the scene {name} to get the memory": "fertig, das Gedächtnis kommt in der Szene {name}",
    "forgot {name}": "{name} ist vergessen",
    "making the memory": "das Gedächtnis wird gemacht",
    "picture": "Bild",
    "reading the views": "die Ansichten werden gelesen",
    "saving the memory": "das Gedächtnis wird gesichert",
    "select a patch of the object first, or name the object": (
        "zuerst einen Flicken des Objekts wählen, oder das Objekt nennen"
    ),
    "select a patch of the view first, or give the view's number": (
        "zuerst einen Flicken der Ansicht wählen, oder ihre Nummer angeben"
    ),
    "select some patches first": "zuerst Flicken wählen",
    "starting a second Blender": "ein zweites Blender startet",
    "the memory has no view yet": "das Gedächtnis hat noch keine Ansicht",
    "the memory has {views}, there is no view {view}": "das Gedächtnis hat {views}, eine Ansicht {view} gibt es nicht",
    "there is no camera: make one active or set the scene's camera": (
        "es gibt keine Kamera: eine aktiv machen, oder der Szene eine geben"
    ),
    "there is no set {name!r}, only {held}": "es gibt keine Auswahl {name!r}, nur {held}",
    "there is no set {name!r}: keep one first": "es gibt keine Auswahl {name!r}: zuerst eine behalten",
    "you can go on, Esc cancels": "weiterarbeiten geht, Esc bricht ab",
    "{file} is gone: generate again, or put the take back": (
        "{file} ist nicht mehr da: neu erzeugen, oder den Take zurücklegen"
    ),
    "Cancelled: nothing was changed": "Abgebrochen: nichts wurde geändert",
    "the memory is gone": "das Gedächtnis ist nicht mehr da",
    "{name}: {views} views, {patches} patches, {objects} objects": (
        "{name}: {views} Ansichten, {patches} Flicken, {objects} Objekte"
    ),
    "{patches} copied": "{patches} kopiert",
    "{patches} deleted": "{patches} gelöscht",
    "{patches} hidden": "{patches} verborgen",
    "{patches} kept as {name}": "{patches} als {name} behalten",
    "{patches} moved": "{patches} bewegt",
    "{patches} moved back": "{patches} zurückbewegt",
    "{patches} put back": "{patches} zurückgesetzt",
    "{patches} scaled": "{patches} skaliert",
    "{patches} scaled back": "{patches} wieder so groß wie zuvor",
    "{patches} selected": "{patches} gewählt",
    "{patches} shown": "{patches} wieder gezeigt",
    "{patches} turned": "{patches} gedreht",
    "{patches} turned back": "{patches} zurückgedreht",
    "{told}, {patches} locked and left alone": "{told}, {patches} gesperrt und unverändert",
}
