"""The kernel of `fused_warp`, in Triton's language."""

import triton
import triton.language as tl


@triton.jit
def warp_kernel(
    pair,
    bends,
    flow,
    out,
    count,
    height,
    width,
    channels: tl.constexpr,
    sharp: tl.constexpr,
    block: tl.constexpr,
):
    """`block` pixels of one picture. Pointers are to contiguous tensors, see `fused_warp.warp`.

    count: N.
    """
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    picture = tl.program_id(1).to(tl.int64)  # a batch may have more than 2**31 numbers
    area = height * width
    inside = pixel < area
    # channels 0-1 of the flow are for the left pictures, which come first
    flow += ((picture % count) * 4 + (picture // count) * 2) * area
    bends += picture * 2 * area
    pair += picture * channels * area
    out += picture * channels * area

    x = (pixel % width) + tl.load(flow + pixel, mask=inside, other=0.0).to(tl.float32)
    y = (pixel // width) + tl.load(flow + area + pixel, mask=inside, other=0.0).to(tl.float32)
    x = tl.minimum(tl.maximum(x, 0.0), width - 1.0)
    y = tl.minimum(tl.maximum(y, 0.0), height - 1.0)
    left, above = tl.floor(x).to(tl.int32), tl.floor(y).to(tl.int32)
    right, below = tl.minimum(left + 1, width - 1), tl.minimum(above + 1, height - 1)
    # four places, and the share of each
    a, b = above * width + left, above * width + right
    c, d = below * width + left, below * width + right
    across, down = x - left, y - above
    share_a, share_b = (1 - across) * (1 - down), across * (1 - down)
    share_c, share_d = (1 - across) * down, across * down

    blur = 0.0 * x
    if sharp:
        blur += share_a * _blur(bends, flow, a, area, inside)
        blur += share_b * _blur(bends, flow, b, area, inside)
        blur += share_c * _blur(bends, flow, c, area, inside)
        blur += share_d * _blur(bends, flow, d, area, inside)
    for channel in tl.static_range(channels):
        plane = pair + channel * area
        total = blur + share_a * _read(plane, a, inside) + share_b * _read(plane, b, inside)
        total += share_c * _read(plane, c, inside) + share_d * _read(plane, d, inside)
        tl.store(out + channel * area + pixel, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _read(plane, place, inside):
    return tl.load(plane + place, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _blur(bends, flow, place, area, inside):
    """What sharpens the picture at a place, by the fraction of the flow there."""
    x, y = _read(flow, place, inside), _read(flow + area, place, inside)
    x, y = tl.floor(x) - x, tl.floor(y) - y
    along_x, along_y = _read(bends, place, inside), _read(bends + area, place, inside)
    return (x * x + x) * along_x + (y * y + y) * along_y
