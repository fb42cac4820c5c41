#version 300 es
// The step after a flow-only TFLite file: warp both frames and blend them (OpenGL ES 3).
// Draw one triangle over a target of the frames' size. All textures: linear filter, clamp to edge,
// first row first. flow: RGBA16F or RGBA32F; mask: R8, R16F or R32F; both have half the size.
precision highp float;
precision highp sampler2D;

uniform sampler2D left_frame;
uniform sampler2D right_frame;
uniform sampler2D flow;  // pixels of the frames, x before y: xy into left, zw into right
uniform sampler2D mask;  // left's share, 0 to 1

out vec4 new_frame;

void main() {
    vec2 size = vec2(textureSize(left_frame, 0));
    vec2 here = gl_FragCoord.xy / size;
    vec4 moved = texture(flow, here) / size.xyxy;
    vec3 from_left = texture(left_frame, here + moved.xy).rgb;
    vec3 from_right = texture(right_frame, here + moved.zw).rgb;
    new_frame = vec4(mix(from_right, from_left, texture(mask, here).r), 1.0);
}
