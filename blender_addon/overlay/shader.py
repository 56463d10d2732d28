"""The shader that draws a patch's points, and the numbers it needs.

A patch is sent as one quad, four corners with their places in the atlas, and the fragment shader makes its points: it
keeps the discs around the middles of a grid of 4, 8 or 16 a side, coloured by the captured pixels there, and drops what
lies between. How fine the grid is follows from the patch's size on the screen. So the points' number changes with the
zoom without anything being made anew, 100,000 patches are 400,000 vertices however many points they show, and what it
costs is bounded by the screen. Points of their own would be 25 million vertices up close, lie about the patch's
orientation by always facing the viewer, and need point sizes, which Metal and Vulkan treat differently.

The vertices are moved a five-hundredth towards the eye, so that memory shows in front of the very surface it was
captured from.
"""

from __future__ import annotations

from dataclasses import dataclass

import gpu
import numpy as np

from .points import LEAST_SPACING_PX

_TOWARDS_EYE = 2e-3
_TOWARDS_EYE_M = 0.01  # where the view is orthographic

_VERTEX = """
void main()
{
    gl_Position = clip_from_mesh * vec4(pos, 1.0);
    float cell_px = size * view.x / max(gl_Position.w, 1e-6);
    side = view.y > 0.0 ? view.y : cell_px >= 16.0 * view.w ? 16.0 : cell_px >= 8.0 * view.w ? 8.0 : 4.0;
    spacing_px = cell_px / side;
    gl_Position.z += grid.z;
    at_cell = cell;
    given = colour;
}
"""

_FRAGMENT = """
float shown(float value)
{
    return value <= 0.0031308 ? 12.92 * value : 1.055 * pow(value, 1.0 / 2.4) - 0.055;
}

float linear(float value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

vec4 pixel(vec2 cell)
{
    ivec2 size = textureSize(atlas, 0);
    ivec2 at = ivec2(floor(cell / grid.xy * vec2(size)));
    return texelFetch(atlas, clamp(at, ivec2(0), size - 1), 0);
}

void main()
{
    vec2 at = at_cell * side;
    vec2 middle = floor(at) + 0.5;
    float merged = clamp((2.5 - spacing_px) * 2.0, 0.0, 1.0);
    if (distance(at, middle) > mix(view.z, 0.8, merged)) {
        discard;
    }
    vec4 colour = vec4(given.rgb, 1.0);
    if (given.a < 1.0) {
        vec4 seen = vec4(0.0);
        for (int i = 0; i < 4; i++) {
            seen += pixel((middle + vec2(float(i % 2), float(i / 2)) * 0.5 - 0.25) / side) * 0.25;
        }
        if (seen.a < 0.5) {
            discard;
        }
        seen.rgb = vec3(shown(seen.r), shown(seen.g), shown(seen.b));
        colour.rgb = mix(seen.rgb, given.rgb, given.a);
    }
    colour.rgb = mix(colour.rgb, tint.rgb, tint.a);
    fragment = srgbTarget ? vec4(linear(colour.r), linear(colour.g), linear(colour.b), 1.0) : colour;
}
"""


@dataclass(frozen=True)
class Look:
    """How points look, the same for all of a redraw."""

    points_a_side: int  # of a whole cell; 0 = by its size on the screen
    radius: float  # of a point, as a share of the distance between points; beyond 0.71 they leave no gap


def points_shader() -> gpu.types.GPUShader:
    """Compile it. Raises what the driver raises."""
    between = gpu.types.GPUStageInterfaceInfo("mosaic_points")
    between.flat("FLOAT", "side")
    between.flat("FLOAT", "spacing_px")
    between.smooth("VEC2", "at_cell")
    between.smooth("VEC4", "given")
    info = gpu.types.GPUShaderCreateInfo()
    info.vertex_in(0, "VEC3", "pos")
    info.vertex_in(1, "VEC2", "cell")
    info.vertex_in(2, "FLOAT", "size")
    info.vertex_in(3, "VEC4", "colour")
    info.vertex_out(between)
    info.fragment_out(0, "VEC4", "fragment")
    info.sampler(0, "FLOAT_2D", "atlas")
    info.push_constant("MAT4", "clip_from_mesh")
    info.push_constant("VEC4", "view")  # pixels a unit at w = 1, points a side, radius, least spacing
    info.push_constant("VEC4", "grid")  # cells across and down the atlas, shift of the depth
    info.push_constant("VEC4", "tint")
    # Blender's own name: it sets this itself, true where what is drawn into takes linear light.
    info.push_constant("BOOL", "srgbTarget")
    info.vertex_source(_VERTEX)
    info.fragment_source(_FRAGMENT)
    return gpu.shader.create_from_info(info)


def set_uniforms(
    shader: gpu.types.GPUShader,
    *,
    projection: np.ndarray,  # (4, 4) clip from view
    view_from_mesh: np.ndarray,  # (4, 4)
    height_px: int,
    look: Look,
    cells: tuple[float, float],
    tint: tuple[float, float, float, float],
) -> None:
    """Set everything but the atlas; the shader must be bound."""
    scale = abs(np.linalg.det(view_from_mesh[:3, :3])) ** (1 / 3)
    perspective = projection[3, 2] != 0
    shift = projection[2, 3] * _TOWARDS_EYE if perspective else -abs(projection[2, 2]) * _TOWARDS_EYE_M
    clip_from_mesh = projection @ view_from_mesh
    shader.uniform_float("clip_from_mesh", clip_from_mesh.T.ravel().tolist())
    pixels = float(projection[1, 1]) * height_px / 2 * float(scale)
    shader.uniform_float("view", (pixels, float(look.points_a_side), look.radius, LEAST_SPACING_PX))
    shader.uniform_float("grid", (*cells, float(shift), 0.0))
    shader.uniform_float("tint", tint)
