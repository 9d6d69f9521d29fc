// WGSL functions for elementwise expressions, where WGSL's own are too inexact, or undefined for some arguments. An
// expression gets those that it calls.
import { EXPONENTIAL } from './shader-exponential.ts';
import { TRIGONOMETRIC } from './shader-trigonometry.ts';

const FUNCTIONS: Record<string, string> = {
  ...EXPONENTIAL,
  ...TRIGONOMETRIC,
  // By way of variables: WGSL has no constants for these, and adapters may take a quotient by 0 for anything.
  nan: `var<private> nanBits: u32 = 0x7fc00000u;
fn nan() -> f32 { return bitcast<f32>(nanBits); }
`,
  infinity: `var<private> infinityBits: u32 = 0x7f800000u;
fn infinity() -> f32 { return bitcast<f32>(infinityBits); }
`,
  isNan: `// By its bits: drivers may take x != x for false, and pass NaN off as a number.
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
`,
  isFinite: `fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
`,
  isNegative: `// Tells -0 from 0.
fn isNegative(x: f32) -> bool { return (bitcast<u32>(x) >> 31u) == 1u; }
`,
  powerOfTwo: `// For n from -126 to 127.
fn powerOfTwo(n: i32) -> f32 { return bitcast<f32>((n + 127) << 23u); }
`,
  scale: `// x 2^n for n from -252 to 254, in two steps, for 2^n itself may be out of range.
fn scale(x: f32, n: i32) -> f32 { return x * powerOfTwo(n / 2) * powerOfTwo(n - n / 2); }
`,
  remainder: `// x - y floor(x / y), exactly: the mantissa of x is divided by that of y, eight bits at a time.
fn mantissa(bits: u32) -> u32 { return select((bits & 0x7fffffu) | 0x800000u, bits, bits < 0x800000u); }
fn remainder(x: f32, y: f32) -> f32 {
  if (isNan(y) || y == 0.0 || !isFinite(x)) { return nan(); }
  let dividend = bitcast<u32>(abs(x));
  let divisor = bitcast<u32>(abs(y));
  var size = abs(x);
  if (dividend >= divisor) {
    let m = mantissa(divisor);
    let exponent = max(divisor >> 23u, 1u);
    var rest = mantissa(dividend) % m;
    for (var n = max(dividend >> 23u, 1u) - exponent; n > 0u; n -= min(n, 8u)) { rest = (rest << min(n, 8u)) % m; }
    size = scale(f32(rest), i32(exponent) - 150);
  }
  let r = select(size, -size, x < 0.0);
  return select(r, r + y, r != 0.0 && (r < 0.0) != (y < 0.0));
}
`,
  remainderInt: `// x % 0 is 0 in WGSL.
fn remainderInt(x: i32, y: i32) -> i32 {
  let r = x % y;
  return select(r, r + y, r != 0 && (r ^ y) < 0);
}
`,
  powerInt: `// By squares, with wraparound. Below 0 only 1 and -1 have powers other than 0.
fn powerInt(x: i32, y: i32) -> i32 {
  if (y < 0) { return select(select(0, select(1, -1, (y & 1) == 1), x == -1), 1, x == 1); }
  var result = 1;
  var base = x;
  for (var rest = y; rest > 0; rest >>= 1u) {
    result *= select(1, base, (rest & 1) == 1);
    base *= base;
  }
  return result;
}
`,
  truncated: `// The whole number towards 0: 0 for NaN, and the nearest int32 for what lies beyond. By itself WGSL takes all below for -2^31, but
// all above for 2^31 - 128.
fn truncated(x: f32) -> i32 {
  if (isNan(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  return i32(x);
}
`,
};

/** The functions that WGSL text calls of these, with what they call in turn; without those that `present` declares already. */
export function shaderMath(wgsl: string, present = ''): string {
  const names = new Set<string>();
  const visit = (text: string) => {
    for (const [, name] of text.matchAll(/(\w+)\(/g)) {
      if (!Object.hasOwn(FUNCTIONS, name) || names.has(name) || present.includes(`fn ${name}(`)) continue;
      names.add(name);
      visit(FUNCTIONS[name]);
    }
  };
  visit(wgsl);
  return [...names].map((name) => FUNCTIONS[name]).join('');
}
