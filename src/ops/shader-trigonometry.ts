// WGSL functions of angles, for shader-math.ts. Coefficients were fitted to the functions named; errors are relative.

export const TRIGONOMETRIC: Record<string, string> = {
  highProduct: `// The upper 32 bits of a b, by halves of 16 bits.
fn highProduct(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let cross = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (cross & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (cross >> 16u) + (other >> 16u);
}
`,
  quarterTurns: `// x >= 0 as a multiple of pi / 2 and an angle of at most pi / 4: (multiple mod 4, angle). In whole numbers, so that no x is
// too large: x = m 2^e times 1 / (2 pi), of which the bits that count for x are taken out. TURN: 32 zeros and those bits.
const TURN = array<u32, 8>(0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0x7f9458eau);
struct Angle { quarter: u32, rest: f32 }
fn turnBits(at: u32) -> u32 {
  return (TURN[at >> 5u] << (at & 31u)) | ((TURN[(at >> 5u) + 1u] >> 1u) >> (31u - (at & 31u)));
}
fn quarterTurns(x: f32) -> Angle {
  if (x < 0.785398) { return Angle(0u, x); }
  if (!isFinite(x)) { return Angle(0u, nan()); }
  let bits = bitcast<u32>(x);
  let m = (bits & 0x7fffffu) | 0x800000u;
  let at = (bits >> 23u) - 118u;
  // The part of a turn behind the point, in 64 bits.
  let middle = turnBits(at + 32u);
  let low = m * middle + highProduct(m, turnBits(at + 64u));
  let high = m * turnBits(at) + highProduct(m, middle) + select(0u, 1u, low < m * middle);
  let quarter = (high + 0x20000000u) >> 30u;
  let rest = bitcast<i32>(high - (quarter << 30u));
  return Angle(quarter, (f32(rest) + f32(low) * 2.32830644e-10) * 1.46291808e-9);
}
`,
  sineNear: `// For |r| <= pi / 4; errors 5e-9 and 2e-10.
fn sineNear(r: f32) -> f32 {
  let z = r * r;
  return r + r * z * (-0.166666552 + z * (0.008332178 + z * -1.95172994e-4));
}
fn cosineNear(r: f32) -> f32 {
  let z = r * r;
  return 1.0 - 0.5 * z + z * z * (0.0416666456 + z * (-0.00138873165 + z * 2.44331568e-5));
}
`,
  wave: `// The sine of an angle. WGSL's own is defined from -pi to pi only.
fn wave(angle: Angle) -> f32 {
  let y = select(sineNear(angle.rest), cosineNear(angle.rest), (angle.quarter & 1u) == 1u);
  return select(y, -y, (angle.quarter & 2u) == 2u);
}
`,
  sine: `fn sine(x: f32) -> f32 {
  let y = wave(quarterTurns(abs(x)));
  return select(y, -y, x < 0.0);
}
`,
  cosine: `fn cosine(x: f32) -> f32 {
  let angle = quarterTurns(abs(x));
  return wave(Angle(angle.quarter + 1u, angle.rest));
}
`,
  tangent: `fn tangent(x: f32) -> f32 {
  let angle = quarterTurns(abs(x));
  let s = sineNear(angle.rest);
  let c = cosineNear(angle.rest);
  let y = select(s / c, -c / s, (angle.quarter & 1u) == 1u);
  return select(y, -y, x < 0.0);
}
`,
  arctanNear: `// The arctangent for 0 <= t <= 1, by that of (t - 1) / (t + 1) from sqrt(2) - 1 on; error 2e-8. WGSL's may be off by 4096 places.
fn arctanNear(t: f32) -> f32 {
  let far = t > 0.41421356;
  let u = select(t, (t - 1.0) / (t + 1.0), far);
  let z = u * u;
  let y = u + u * z * (-0.333329558 + z * (0.199779257 + z * (-0.13879849 + z * 0.080603078)));
  return select(y, y + 0.785398163, far);
}
`,
  arctan: `fn arctan(x: f32) -> f32 {
  let a = abs(x);
  let y = arctanNear(select(a, 1.0 / a, a > 1.0));
  let size = select(y, 1.57079633 - y, a > 1.0);
  return select(size, -size, x < 0.0);
}
`,
  arctan2: `// The angle of the point (x, y), as IEEE 754 has it for zeros and infinities.
fn arctan2(y: f32, x: f32) -> f32 {
  if (isNan(x) || isNan(y)) { return nan(); }
  let small = min(abs(x), abs(y));
  let large = max(abs(x), abs(y));
  // Two infinities are taken for equal, two zeros for a point on the axis of x.
  let t = arctanNear(select(select(small / large, 1.0, small == large), 0.0, large == 0.0));
  let first = select(t, 1.57079633 - t, abs(y) > abs(x));
  let upper = select(first, 3.14159265 - first, isNegative(x));
  return select(upper, -upper, isNegative(y));
}
`,
};
