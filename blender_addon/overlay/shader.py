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
float light_of_srgb(float value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

vec3 of_target(vec3 srgb)
{
    return srgbTarget ? vec3(light_of_srgb(srgb.r), light_of_srgb(srgb.g), light_of_srgb(srgb.b)) : srgb;
}

vec4 pixel(vec2 cell, vec2 size)
{
    return texelFetch(atlas, ivec2(clamp(floor(cell / grid.xy * size), vec2(0.0), size - 1.0)), 0);
}

vec4 seen_at(vec2 middle)
{
    vec2 size = vec2(textureSize(atlas, 0));
    if (size.x <= grid.x * side * 1.01) {
        return pixel(middle / side, size); /* one point a texel */
    }
    vec4 a = pixel((middle + vec2(-0.25, -0.25)) / side, size);
    vec4 b = pixel((middle + vec2(0.25, -0.25)) / side, size);
    vec4 c = pixel((middle + vec2(-0.25, 0.25)) / side, size);
    vec4 d = pixel((middle + vec2(0.25, 0.25)) / side, size);
    return (a + b + c + d) * 0.25;
}

void main()
{
    vec2 at = at_cell * side;
    vec2 middle = floor(at) + 0.5;
    vec2 off = at - middle;
    float reach = mix(view.z, 0.8, clamp((2.5 - spacing_px) * 2.0, 0.0, 1.0));
    if (dot(off, off) > reach * reach) {
        discard;
    }
    vec3 colour = vec3(0.0);
    if (given.a < 1.0) {
        vec4 seen = seen_at(middle);
        if (seen.a < 0.5) {
            discard;
        }
        colour = of_target(seen.rgb);
    }
    if (given.a > 0.0) {
        colour = mix(colour, of_target(given.rgb), given.a);
    }
    if (tint.a > 0.0) {
        colour = mix(colour, of_target(tint.rgb), tint.a);
    }
    fragment = vec4(colour, 1.0);
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
