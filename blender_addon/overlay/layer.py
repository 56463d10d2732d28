"""A picture of the points with its depths, kept per viewport and put into it as one.

Where OpenGL runs in software, drawing 100,000 patches holds the window for a tenth of a second and more, and a running
job asks for a redraw with every frame it makes. So they are drawn into a picture of their own, and only again when the
camera, the patches or their look changed. A redraw of the same view copies colours and depths, so what else is drawn
meets the depths it would have met, and shows what drawing straight into the viewport shows.

Patches come in parts, each spread evenly over all of them, and a redraw draws as many as its time allows: while the
view turns the picture is thinner, and the redraws that follow complete it. Where the view stands and only the selection
or a colour changed, the picture before is shown until the new one is complete.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import gpu

_KEPT = 4  # viewports that are looked at
# What a redraw may take by the clock, and how many parts the first one draws.
BUDGET_S, _FIRST_PARTS = 0.05, 2
# Of a picture that nobody sees: no powers of two, as viewports have none, and some drivers tell them apart.
_ASIDE = (3, 3)

_VERTEX = """
void main()
{
    gl_Position = vec4(pos, 0.0, 1.0);
}
"""

_FRAGMENT = """
float light_of_srgb(float value)
{
    return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

void main()
{
    ivec2 at = ivec2(gl_FragCoord.xy);
    vec4 seen = texelFetch(colours, at, 0);
    if (seen.a < 0.5) {
        discard;
    }
    vec3 light = vec3(light_of_srgb(seen.r), light_of_srgb(seen.g), light_of_srgb(seen.b));
    fragment = vec4(srgbTarget ? light : seen.rgb, 1.0);
    gl_FragDepth = texelFetch(depths, at, 0).r;
}
"""


@dataclass(frozen=True)
class Shows:
    """What a picture depends on: where everything is in it, and what it looks like there."""

    places: Hashable
    looks: Hashable


@dataclass(eq=False)
class _Layer:
    """A picture of one viewport."""

    size: tuple[int, int]
    colours: gpu.types.GPUTexture
    depths: gpu.types.GPUTexture
    buffer: gpu.types.GPUFrameBuffer
    shows: Shows | None = None
    parts: int = 0  # that are drawn
    complete: bool = False


@dataclass
class _State:
    shader: gpu.types.GPUShader | None = None
    everywhere: gpu.types.GPUBatch | None = None
    parts_a_redraw: int = _FIRST_PARTS


_state = _State()
_layers: dict[int, list[_Layer]] = {}  # by viewport: the picture, and the one before where that is still shown


def forget() -> None:
    """Free what the graphics card holds."""
    _layers.clear()
    _state.everywhere = None


def prepare() -> bool:
    """Whether the shader is compiled and known to the driver; sees to it where it is not."""
    if _state.shader is not None:
        return True
    _state.shader, layer = _copying_shader(), _new_layer(_ASIDE)
    with layer.buffer.bind():
        _clear(layer)
    _copy(layer)  # of nothing: some drivers make their machine code when something is drawn
    return False


@contextmanager
def aside() -> Iterator[None]:
    """What is drawn within goes nowhere, by the way that pictures take."""
    layer = _new_layer(_ASIDE)
    with layer.buffer.bind():
        _clear(layer)
        yield


def draw(viewport: int, size: tuple[int, int], shows: Shows, parts: Sequence[Callable[[], None]]) -> bool:
    """Put a viewport's picture into what is bound; whether it is complete. If not, draw again soon."""
    layers = _layers.pop(viewport, [])
    _layers[viewport] = layers  # the last one again: it was looked at last
    while len(_layers) > _KEPT:
        del _layers[next(iter(_layers))]
    if not layers or layers[0].size != size or layers[0].shows != shows:
        layers[:] = _begun(layers, size, shows)
    if not layers[0].complete:
        _go_on(layers, parts)
    else:
        _copy(layers[0])
    return layers[0].complete


def _begun(layers: list[_Layer], size: tuple[int, int], shows: Shows) -> list[_Layer]:
    """An empty picture, and the last complete one where everything is in the same place in it."""
    fitting = [layer for layer in layers if layer.size == size and layer.shows is not None]
    before = [layer for layer in fitting if layer.complete and layer.shows.places == shows.places][:1]
    free = [layer for layer in fitting if layer not in before] or [_new_layer(size)]
    free[0].shows, free[0].parts, free[0].complete = shows, 0, False
    return [free[0], *before]


def _go_on(layers: list[_Layer], parts: Sequence[Callable[[], None]]) -> None:
    """Draw some more of the parts, as many as took about the time a redraw may take, and show what there is."""
    layer, start = layers[0], time.perf_counter()
    end = min(layer.parts + _state.parts_a_redraw, len(parts))
    with layer.buffer.bind():
        if layer.parts == 0:
            _clear(layer)
        for part in parts[layer.parts : end]:
            part()
    drawn, layer.parts, layer.complete = end - layer.parts, end, end == len(parts)
    if layer.complete:
        del layers[1:]
    _copy(layers[-1])  # asks for the pixels, so that the clock has seen all of it
    took_s = time.perf_counter() - start
    if len(layers) > 1:  # it has not been asked for its own pixels
        return
    if took_s > BUDGET_S:
        _state.parts_a_redraw = max(int(drawn * BUDGET_S / took_s), 1)
    elif drawn == _state.parts_a_redraw and took_s < BUDGET_S / 2:
        _state.parts_a_redraw += 1


def _new_layer(size: tuple[int, int]) -> _Layer:
    colours = gpu.types.GPUTexture(size, format="RGBA8")
    depths = gpu.types.GPUTexture(size, format="DEPTH_COMPONENT32F")
    return _Layer(size, colours, depths, gpu.types.GPUFrameBuffer(depth_slot=depths, color_slots=[colours]))


def _clear(layer: _Layer) -> None:
    layer.buffer.clear(color=(0.0, 0.0, 0.0, 0.0), depth=1.0)


def _copy(layer: _Layer) -> None:
    if _state.everywhere is None:
        layout = gpu.types.GPUVertFormat()
        layout.attr_add(id="pos", comp_type="F32", len=2, fetch_mode="FLOAT")
        corners = gpu.types.GPUVertBuf(layout, 3)
        corners.attr_fill("pos", [(-1.0, -1.0), (3.0, -1.0), (-1.0, 3.0)])
        _state.everywhere = gpu.types.GPUBatch(type="TRIS", buf=corners)
    _state.shader.bind()
    _state.shader.uniform_sampler("colours", layer.colours)
    _state.shader.uniform_sampler("depths", layer.depths)
    _state.everywhere.draw(_state.shader)


def _copying_shader() -> gpu.types.GPUShader:
    info = gpu.types.GPUShaderCreateInfo()
    info.vertex_in(0, "VEC2", "pos")
    info.fragment_out(0, "VEC4", "fragment")
    info.depth_write("ANY")
    info.sampler(0, "FLOAT_2D", "colours")
    info.sampler(1, "FLOAT_2D", "depths")
    # Blender's own name: it sets this itself, true where what is drawn into takes linear light.
    info.push_constant("BOOL", "srgbTarget")
    info.vertex_source(_VERTEX)
    info.fragment_source(_FRAGMENT)
    return gpu.shader.create_from_info(info)
