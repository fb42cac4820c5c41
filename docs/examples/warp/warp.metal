// The step after a flow-only TFLite file: warp both frames and blend them (Metal).
// One thread for each pixel of new_frame. flow: rgba16Float or rgba32Float; mask: r8Unorm, r16Float
// or r32Float; both have half the size of the frames.
#include <metal_stdlib>
using namespace metal;

kernel void warp(texture2d<float, access::sample> left_frame [[texture(0)]],
                 texture2d<float, access::sample> right_frame [[texture(1)]],
                 texture2d<float, access::sample> flow [[texture(2)]],  // pixels of the frames
                 texture2d<float, access::sample> mask [[texture(3)]],  // left's share, 0 to 1
                 texture2d<float, access::write> new_frame [[texture(4)]],
                 uint2 place [[thread_position_in_grid]]) {
    uint2 limit = uint2(new_frame.get_width(), new_frame.get_height());
    if (place.x >= limit.x || place.y >= limit.y) {
        return;
    }
    constexpr sampler linear(coord::normalized, address::clamp_to_edge, filter::linear);
    float2 size = float2(limit);
    float2 here = (float2(place) + 0.5f) / size;
    float4 moved = flow.sample(linear, here) / size.xyxy;  // xy into left, zw into right
    float3 from_left = left_frame.sample(linear, here + moved.xy).rgb;
    float3 from_right = right_frame.sample(linear, here + moved.zw).rgb;
    float share = mask.sample(linear, here).r;
    new_frame.write(float4(mix(from_right, from_left, share), 1.0f), place);
}
