"""German. In the order of the alphabet, labels first; what is missing is shown in English.

PYTHONPATH=. python -m tests.addon.shown_strings          # lists what is missing
"""

from __future__ import annotations

WORDS = {
    "1 of 2: Mosaic looks at your scene from a ring of cameras, which it adds.": (
        "1 von 2: Mosaic sieht sich die Szene aus einem Ring von Kameras an, den es hinzufügt."
    ),
    "1 of 2: Mosaic looks at your scene from its cameras. Nothing in it is changed.": (
        "1 von 2: Mosaic sieht sich die Szene aus ihren Kameras an. Sie bleibt, wie sie ist."
    ),
    "3D Cursor": "3D-Cursor",
    "Action": "Aktion",
    "Add Cameras": "Kameras hinzufügen",
    "Add Cameras for the Rest": "Kameras für den Rest hinzufügen",
    "Add Comparison Strip": "Strip des Vergleichs hinzufügen",
    "Add Preset": "Vorgabe hinzufügen",
    "Add Shot": "Einstellung hinzufügen",
    "Add Take to Scene": "Take in die Szene setzen",
    "Add Views": "Ansichten dazu",
    "Add to Memory": "Zum Gedächtnis hinzufügen",
    "Add to the Memory": "Zum Gedächtnis hinzufügen",
    "Age": "Alter",
    "All": "Alle",
    "All Cameras": "Alle Kameras",
    "All Shots": "Alle Einstellungen",
    "Allow Online Access": "Online-Zugriff erlauben",
    "Along Animation": "Entlang der Animation",
    "Along the Path": "Entlang des Wegs",
    "Angle": "Winkel",
    "As It Is": "Wie sie ist",
    "As in the File": "Wie in der Datei",
    "As the View": "Wie die Ansicht",
    "At Least": "Mindestens",
    "At Most": "Höchstens",
    "At a Target": "Auf ein Ziel",
    "Automatic": "Automatisch",
    "Axis": "Achse",
    "Back to the Scene": "Zurück zur Szene",
    "Background": "Hintergrund",
    "Bake": "Einbrennen",
    "Bake into Keys": "In Keyframes einbrennen",
    "Bake to Keys": "In Keyframes einbrennen",
    "Base Python": "Basis-Python",
    "Bookmarks": "Lesezeichen",
    "By Age": "Nach Alter",
    "By Capture Time": "Nach Aufnahmezeit",
    "By Name": "Nach Name",
    "By Object": "Nach Objekt",
    "By View": "Nach Ansicht",
    "By Zoom": "Nach Zoom",
    "Camera": "Kamera",
    "Camera Background": "Kamerahintergrund",
    "Cancel": "Abbrechen",
    "Cancel All": "Alle abbrechen",
    "Cannot be shown: ": "Kann nicht gezeigt werden: ",
    "Capture": "Aufnehmen",
    "Capture Memory": "Gedächtnis aufnehmen",
    "Captured": "Aufgenommen",
    "Centre": "Mitte",
    "Changed": "Geändert",
    "Check": "Prüfen",
    "Check Path": "Weg prüfen",
    "Colours": "Farben",
    "Compare": "Vergleichen",
    "Comparing ...": "Wird verglichen ...",
    "Confidence": "Sicherheit",
    "Conflicts": "Widersprüche",
    "Connected Surface": "Zusammenhängende Fläche",
    "Copy Report": "Bericht kopieren",
    "Coverage": "Abdeckung",
    "Create Environment": "Umgebung anlegen",
    "Delete": "Löschen",
    "Delete Patches": "Flicken löschen",
    "Delete Take": "Take löschen",
    "Depth (EXR)": "Tiefe (EXR)",
    "Depth Step": "Tiefenschritt",
    "Difference": "Unterschied",
    "Direction": "Richtung",
    "Distance": "Entfernung",
    "Dolly": "Kamerafahrt",
    "Dolly Zoom": "Fahrt mit Zoom",
    "Down": "Ab",
    "Draw On": "Zeichnen auf",
    "Draw Path": "Weg zeichnen",
    "Duplicate": "Duplizieren",
    "Duplicate Patches": "Flicken duplizieren",
    "Duplicate Shot": "Einstellung duplizieren",
    "Ease": "Sanft",
    "Ease In": "Sanft beginnen",
    "Ease In and Out": "Sanft beginnen und enden",
    "Ease Out": "Sanft enden",
    "Edit": "Bearbeiten",
    "End": "Ende",
    "End Radius": "Endradius",
    "Engine": "Engine",
    "Even Speed": "Gleichmäßiges Tempo",
    "Every": "Alle",
    "Export": "Exportieren",
    "Export Path": "Weg exportieren",
    "Extend": "Erweitern",
    "Factor": "Faktor",
    "Failed": "Fehlgeschlagen",
    "Field of View": "Bildwinkel",
    "File": "Datei",
    "Finding": "Befund",
    "First Video": "Erstes Video",
    "Flip A and B": "A und B tauschen",
    "Focal Length (mm)": "Brennweite (mm)",
    "Folder": "Ordner",
    "Follow Curve": "Kurve folgen",
    "Follow Path": "Weg folgen",
    "Forget Bookmark": "Lesezeichen vergessen",
    "Forget Set": "Auswahl vergessen",
    "Format": "Format",
    "Frame": "Bild",
    "Frames": "Bilder",
    "Frames a Second": "Bilder je Sekunde",
    "From": "Von",
    "From the Scene's Camera": "Von der Kamera der Szene aus",
    "Generate": "Erzeugen",
    "Generate Again": "Erneut erzeugen",
    "Generate All": "Alle erzeugen",
    "Go to Bookmark": "Zum Lesezeichen",
    "Go to Frame": "Zum Bild",
    "Grow": "Wachsen",
    "Grow or Shrink Selection": "Auswahl wachsen oder schrumpfen lassen",
    "Guess": "Erraten",
    "Height": "Höhe",
    "Height of the captured views": "Höhe der aufgenommenen Ansichten",
    "Height of the video": "Höhe des Videos",
    "Hide": "Verstecken",
    "Hide Patches": "Flicken verstecken",
    "Holes": "Löcher",
    "Holes Along the Path": "Lücken entlang des Wegs",
    "Import": "Importieren",
    "Import Memory": "Gedächtnis importieren",
    "Import Path": "Weg importieren",
    "Import...": "Importieren ...",
    "In Generate All": "In Alle erzeugen",
    "In the Air": "In der Luft",
    "In the Path": "Im Weg",
    "Invert": "Umkehren",
    "Keep Selection as Set": "Auswahl behalten",
    "Keep View": "Ansicht behalten",
    "Keep the Cameras": "Die Kameras behalten",
    "Key Every": "Keyframe alle",
    "Key Lens": "Brennweite setzen",
    "Key a New Camera": "Neue Kamera setzen",
    "Key the View": "Ansicht setzen",
    "Keys": "Keyframes",
    "Last Seen At": "Zuletzt gesehen in",
    "Legend": "Legende",
    "Lens": "Brennweite",
    "Live Preview": "Live-Vorschau",
    "Live Preview is shown through the path camera: press Look Through": (
        "Die Live-Vorschau ist beim Blick durch die Kamera des Wegs zu sehen: Hindurchsehen drücken"
    ),
    "Local Packages": "Lokale Pakete",
    "Location": "Ort",
    "Look": "Blick",
    "Look Through": "Hindurchsehen",
    "Look through the path camera in this viewport, whichever camera the scene has; again to come back": (
        "In dieser Ansicht durch die Kamera des Wegs sehen, welche Kamera auch die Szene hat; noch einmal: zurück"
    ),
    "Loop": "Schleife",
    "Make Again": "Noch einmal",
    "Memory": "Gedächtnis",
    "Memory File": "Gedächtnisdatei",
    "Middle Distance": "Mittlere Entfernung",
    "More": "Mehr",
    "More Shots": "Weitere Einstellungen",
    "Move": "Bewegen",
    "Move Bookmark": "Lesezeichen verschieben",
    "Move Patches": "Flicken bewegen",
    "Move Shot": "Einstellung verschieben",
    "Move the selected patches": "Die gewählten Flicken bewegen",
    "Negative": "Nicht gewünscht",
    "New Target": "Neues Ziel",
    "Newer": "Neuere",
    "No memory yet: capture the scene": "Noch kein Gedächtnis: die Szene aufnehmen",
    "No take yet": "Noch kein Take",
    "None": "Keine",
    "Object": "Objekt",
    "Older": "Ältere",
    "Other Takes": "Andere Takes",
    "Page": "Seite",
    "Of the Selected Patches": "Der gewählten Flicken",
    "Offset": "Versatz",
    "On Surfaces": "Auf Flächen",
    "Open Folder": "Ordner öffnen",
    "Open Take": "Take öffnen",
    "Orbit": "Umkreisen",
    "Output": "Ausgabe",
    "Pan": "Schwenk",
    "Part": "Teil",
    "Path": "Weg",
    "Path Camera": "Wegkamera",
    "Path Preset": "Wegvorgabe",
    "Path through Bookmarks": "Weg durch Lesezeichen",
    "Photographs or Video": "Fotografien oder Video",
    "Place": "Ort",
    "Play": "Abspielen",
    "Point Size": "Punktgröße",
    "Points": "Punkte",
    "Preferences": "Einstellungen",
    "Preview": "Vorschau",
    "Prompt": "Prompt",
    "Queue": "Einreihen",
    "Queue All": "Alle einreihen",
    "Queue Shots": "Einstellungen einreihen",
    "Radius": "Radius",
    "Relink": "Neu verknüpfen",
    "Relink Memory": "Gedächtnis neu verknüpfen",
    "Remove Shot": "Einstellung entfernen",
    "Renderer": "Renderer",
    "Repair": "Reparieren",
    "Reset": "Zurücksetzen",
    "Reset Patches": "Flicken zurücksetzen",
    "Result": "Ergebnis",
    "Retake Changed": "Geänderte neu",
    "Retake Frames": "Bilder neu",
    "Reverse": "Umgekehrt",
    "Rise": "Anstieg",
    "Rotate": "Drehen",
    "Rotate Patches": "Flicken drehen",
    "Rotation": "Drehung",
    "Scale": "Skalieren",
    "Scale Patches": "Flicken skalieren",
    "Scene Camera": "Kamera der Szene",
    "Seed": "Startwert",
    "Select": "Auswählen",
    "Seconds before the newest view": "Sekunden vor der neuesten Ansicht",
    "Select All Patches": "Alle Flicken auswählen",
    "Select Conflicts": "Widersprüche auswählen",
    "Select Connected Surface": "Zusammenhängende Fläche auswählen",
    "Select Set": "Behaltene Auswahl",
    "Select Similar Colours": "Ähnliche Farben auswählen",
    "Select by Age": "Nach Alter wählen",
    "Select by Camera": "Nach Kamera auswählen",
    "Select by Capture Time": "Nach Aufnahmezeit auswählen",
    "Select by Object": "Nach Objekt auswählen",
    "Select by View": "Nach Ansicht auswählen",
    "Selected Cameras": "Gewählte Kameras",
    "Selection": "Auswahl",
    "Sequencer Strip": "Sequencer-Streifen",
    "Set": "Setzen",
    "Set Up": "Einrichten",
    "Set Up Capture": "Aufnahme einrichten",
    "Set Up Capture...": "Einrichten ...",
    "Setting up": "Wird eingerichtet",
    "Shot": "Einstellung",
    "Show All": "Alles zeigen",
    "Show Alone": "Allein zeigen",
    "Show Comparison": "Vergleich zeigen",
    "Show Hidden Patches": "Versteckte Flicken zeigen",
    "Show Memory Alone": "Gedächtnis allein zeigen",
    "Show all hidden patches and select them": "Alle versteckten Flicken zeigen und auswählen",
    "Shrink": "Schrumpfen",
    "Side by Side": "Nebeneinander",
    "Similar Colours": "Ähnliche Farben",
    "Since": "Seit",
    "Size": "Größe",
    "Source": "Quelle",
    "Speed": "Tempo",
    "Speed and Look": "Tempo und Blick",
    "Spiral": "Spirale",
    "Start": "Anfang",
    "Status": "Zustand",
    "Steps": "Schritte",
    "Strip": "Streifen",
    "Subtract": "Abziehen",
    "Take": "Take",
    "Target": "Ziel",
    "Test": "Testen",
    "There and Back": "Hin und zurück",
    "Turns": "Umläufe",
    "Until": "Bis",
    "Up": "Auf",
    "Validate": "Prüfen",
    "Validate and Repair": "Prüfen und reparieren",
    "View": "Ansicht",
    "Views": "Ansichten",
    "What Changed": "Was sich geändert hat",
    "What renders the views": "Was die Ansichten rendert",
    "What turns the memory into video": "Was aus dem Gedächtnis ein Video macht",
    "Which cameras look at the scene": "Welche Kameras die Szene ansehen",
    "Whole Object": "Ganzes Objekt",
    "Width": "Breite",
    "Width of the captured views": "Breite der aufgenommenen Ansichten",
    "Width of the video": "Breite des Videos",
    "Wipe": "Wischen",
    "Add a ready-made camera move that starts at the view of the scene's camera": (
        "Eine fertige Kamerabewegung hinzufügen, die bei der Kamera der Szene beginnt"
    ),
    "0 is what the model expects where memory is open; another number is another take of it": (
        "0 ist, was das Modell erwartet, wo das Gedächtnis offen ist; eine andere Zahl ist ein anderer Take davon"
    ),
    "Capture a memory first, or make one the active object": (
        "Zuerst ein Gedächtnis aufnehmen oder zum aktiven Objekt machen"
    ),
    "Choose which memory to work on, under Memory.": "Unter Gedächtnis wählen, woran gearbeitet wird.",
    "Colours are shown on the points: switch Points on": "Farben erscheinen auf den Punkten: Punkte einschalten",
    "Copy the selected patches and select the copies": "Die gewählten Flicken kopieren und die Kopien auswählen",
    "Copy versions, device, settings, what went wrong and the end of the log to the clipboard": (
        "Versionen, Gerät, Einstellungen, Fehler und das Ende des Protokolls in die Zwischenablage kopieren"
    ),
    "Create a Python environment of its own for the GPU process and install torch into it (up to 3 GB)": (
        "Eine eigene Python-Umgebung für den GPU-Prozess anlegen und torch darin installieren (bis zu 3 GB)"
    ),
    "Delete the selected patches from the scene. The memory file keeps them: Undo brings them back": (
        "Die gewählten Flicken aus der Szene löschen. Die Gedächtnisdatei behält sie: Rückgängig bringt sie wieder"
    ),
    "Draw a camera path in the viewport with Blender's curve drawing. A new camera follows it at once": (
        "Einen Kameraweg mit Blenders Kurvenzeichner zeichnen. Eine neue Kamera folgt ihm sofort"
    ),
    "Enlarge or shrink the selected patches about their common middle": (
        "Die gewählten Flicken um ihre gemeinsame Mitte vergrößern oder verkleinern"
    ),
    "Exact image-based rendering of what the memory holds": (
        "Genaue bildbasierte Darstellung dessen, was das Gedächtnis hält"
    ),
    "Find a Python with torch on this computer, or else create one of Mosaic's own (downloads up to 3 GB)": (
        "Ein Python mit torch auf diesem Rechner suchen oder ein eigenes für Mosaic anlegen (lädt bis zu 3 GB)"
    ),
    "Folder of wheels to install from; empty: the index pip is set up to use": (
        "Ordner mit Wheels zum Installieren; leer: das Verzeichnis, das pip benutzt"
    ),
    "Generate the video of the path from the memory as it is edited now": (
        "Das Video des Wegs aus dem Gedächtnis erzeugen, wie es jetzt bearbeitet ist"
    ),
    "Hide the selected patches, from the viewport and from what is generated": (
        "Die gewählten Flicken verstecken, in der Ansicht und in dem, was erzeugt wird"
    ),
    "Linked from another file: make it local to edit it": (
        "Aus einer anderen Datei verknüpft: zum Bearbeiten lokal machen"
    ),
    "Next, a retake: under Edit choose an object By Object, press Move, move it with the mouse, click, and "
    "Generate Again.": (
        "Nun ein Retake: unter Bearbeiten ein Objekt wählen, Bewegen drücken, es mit der Maus verschieben, klicken und "
        "erneut erzeugen."
    ),
    "No camera: draw a path or add one": "Keine Kamera: einen Weg zeichnen oder eine hinzufügen",
    "Open the folder of the newest take, or play its video, in the system's own programs": (
        "Den Ordner des neuesten Takes öffnen oder sein Video abspielen, in Programmen des Systems"
    ),
    "Pip installs from an index on this network or from the folder below: allowed while offline": (
        "Pip installiert aus einem Verzeichnis in diesem Netz oder dem Ordner darunter: auch offline erlaubt"
    ),
    "Put the selected patches back where they were captured": (
        "Die gewählten Flicken dorthin zurücksetzen, wo sie aufgenommen wurden"
    ),
    "Render the scene from its cameras into a memory: colour, depth and which object each pixel shows": (
        "Die Szene aus ihren Kameras in ein Gedächtnis aufnehmen: Farbe, Tiefe und welches Objekt jedes Pixel zeigt"
    ),
    "Show the memory and the camera path alone in this viewport, with the captured pixels; again to come back": (
        "Gedächtnis und Kameraweg allein in dieser Ansicht zeigen, mit den aufgenommenen Pixeln; noch einmal "
        "führt zurück"
    ),
    "How large they were made; what moved together shrinks about its middle": (
        "Wie groß sie gemacht wurden; was sich gemeinsam bewegt hat, schrumpft um seine Mitte"
    ),
    "How they were turned; what moved together turns back about its middle": (
        "Wie sie gedreht wurden; was sich gemeinsam bewegt hat, dreht sich um seine Mitte zurück"
    ),
    "Location, rotation and scale": "Ort, Drehung und Größe",
    "Start the Python of the GPU process, ask it what it can do, and end it": (
        "Das Python des GPU-Prozesses starten, fragen, was es kann, und beenden"
    ),
    "Stop creating the environment and remove what was made of it": (
        "Das Anlegen der Umgebung beenden und entfernen, was davon da ist"
    ),
    "Stop the running job; nothing of its take is kept": "Den laufenden Auftrag beenden; von seinem Take bleibt nichts",
    "The Python 3.11 or newer to build the environment with; empty: the first one found": (
        "Das Python ab 3.11, mit dem die Umgebung angelegt wird; leer: das erste gefundene"
    ),
    "The Python with torch that runs the GPU process; empty: the environment Mosaic created": (
        "Das Python mit torch, das den GPU-Prozess ausführt; leer: die Umgebung, die Mosaic angelegt hat"
    ),
    "The camera whose animation is the path; the scene's camera where empty": (
        "Die Kamera, deren Animation der Weg ist; leer: die Kamera der Szene"
    ),
    "The memory that is edited and generated from": "Das Gedächtnis, das bearbeitet und woraus erzeugt wird",
    "The small video model: fills what memory lacks, moves what moves, reads the prompt": (
        "Das kleine Videomodell: füllt, was dem Gedächtnis fehlt, bewegt, was sich bewegt, liest den Prompt"
    ),
    "Turn the selected patches about their common middle": "Die gewählten Flicken um ihre gemeinsame Mitte drehen",
    "What to take back": "Was zurückgenommen wird",
    "Where they went; they stay turned and scaled": "Wohin sie gingen; gedreht und vergrößert bleiben sie",
    "Select the patches that were captured so long before the newest view": (
        "Die Flicken wählen, die so lange vor der neuesten Ansicht aufgenommen wurden"
    ),
    "What the video shows; engines without a model ignore it": (
        "Was das Video zeigt; Engines ohne Modell beachten es nicht"
    ),
}
