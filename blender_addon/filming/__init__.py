"""Clips for training, filmed in Blender: scenes composed of a folder of glTF assets.

Procedural scenes have boxes and balls; these have what people model, and real renderers draw them. A scene is planned
as a `mosaic_core.train.scenes.Scene` of boxes, so that cameras and edits are chosen by the code that chooses them for
procedural scenes; then each box is filled by the asset it stands for. Ids and depth come from the capture's exact pass.
Everything follows from the seed and the folder.
"""
