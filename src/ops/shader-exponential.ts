// WGSL functions made of exponentials and logarithms, for shader-math.ts. Coefficients were fitted to the functions named; errors
// are relative.

export const EXPONENTIAL: Record<string, string> = {
  expNear: `// e^r - 1 for |r| <= log(2) / 2; error 2e-8.
fn expNear(r: f32) -> f32 {
  return r + r * r * (0.5 + r * (0.166665435 + r * (0.0416672006 + r * (0.00836658012 + r * 0.00138825097))));
}
`,
  expParts: `// (k, e^r - 1) with x = k log(2) + r, |r| <= log(2) / 2. k times the first part of log(2) is exact.
fn expParts(x: f32) -> vec2<f32> {
  let k = round(x * 1.44269504);
  return vec2<f32>(k, expNear((x - k * 0.693359375) + k * 2.12194440e-4));
}
`,
  scaledExp: `// e^x 2^n, to the last place; WGSL's exp may be off by 2 |x| places. n is -1 or 0.
fn scaledExp(x: f32, n: i32) -> f32 {
  let parts = expParts(clamp(x, -110.0, 95.0));
  return select(scale(1.0 + parts.y, i32(parts.x) + n), x, isNan(x));
}
`,
  preciseExp: `fn preciseExp(x: f32) -> f32 { return scaledExp(x, 0); }
`,
  expm1: `// e^x - 1 without the cancellation near 0. Halved, for 2^128 is too large.
fn expm1(x: f32) -> f32 {
  let parts = expParts(clamp(x, -20.0, 89.0));
  let half = powerOfTwo(i32(parts.x) - 1);
  return select(select(2.0 * (half * parts.y + (half - 0.5)), parts.y, parts.x == 0.0), x, isNan(x));
}
`,
  logSeries: `// (2 atanh(s) - 2 s) / s as a function of z = s^2, |s| <= 3 - sqrt(8); error 1e-9.
fn logSeries(z: f32) -> f32 { return z * (0.666667819 + z * (0.399770796 + z * 0.298851877)); }
`,
  logNear: `// log(1 + f) for 1 + f from sqrt(1/2) to sqrt(2): 2 atanh(s), where 2 s = f - s f.
fn logNear(f: f32) -> f32 {
  let s = f / (2.0 + f);
  return f - s * (f - logSeries(s * s));
}
`,
  logParts: `// (k, m) with x = 2^k m, m from sqrt(1/2) to sqrt(2), for finite x > 0. Subnormal numbers have no exponent of their own.
fn logParts(x: f32) -> vec2<f32> {
  let tiny = x < 1.17549435e-38;
  let bits = bitcast<i32>(select(x, x * 8388608.0, tiny));
  let k = (bits - 0x3f3504f3) >> 23u;
  return vec2<f32>(f32(k - select(0, 23, tiny)), bitcast<f32>(bits - (k << 23u)));
}
`,
  preciseLog: `// WGSL's log is off by 2^-21 near 1, and promises nothing for 0 and below.
fn preciseLog(x: f32) -> f32 {
  if (isNan(x) || x < 0.0) { return nan(); }
  if (x == 0.0) { return -infinity(); }
  if (!isFinite(x)) { return x; }
  let parts = logParts(x);
  return parts.x * 0.693359375 + (logNear(parts.y - 1.0) - parts.x * 2.12194440e-4);
}
`,
  log1p: `// log(1 + x), where 1 + x loses digits of a small x.
fn log1p(x: f32) -> f32 { return select(preciseLog(1.0 + x), logNear(x), x > -0.29 && x < 0.41); }
`,
  sigmoid: `// Neither overflows nor cancels: e^-|x| is at most 1.
fn sigmoid(x: f32) -> f32 {
  let e = preciseExp(-abs(x));
  return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
`,
  softplus: `fn softplus(x: f32) -> f32 { return max(x, 0.0) + log1p(preciseExp(-abs(x))); }
`,
  tangentH: `fn tangentH(x: f32) -> f32 {
  let e = expm1(-2.0 * abs(x));
  let y = e / (2.0 + e);
  return select(-y, y, x < 0.0);
}
`,
  sineH: `// (e^x - e^-x) / 2, near 0 by e^x - 1; e^x / 2 does not overflow before its result does.
fn sineH(x: f32) -> f32 {
  let e = scaledExp(abs(x), -1);
  let d = expm1(min(abs(x), 1.0));
  let y = select(e - 0.25 / e, 0.5 * (d + d / (d + 1.0)), abs(x) < 1.0);
  return select(y, -y, x < 0.0);
}
`,
  cosineH: `fn cosineH(x: f32) -> f32 {
  let e = scaledExp(abs(x), -1);
  return e + 0.25 / e;
}
`,
  normalTail: `// The probability of a normal number above u >= 0: e^(-u^2 / 2) times a smooth quotient; error 2e-7. The square of u goes to
// the exponent in two parts, the first of them exact.
fn normalTail(u: f32) -> f32 {
  let v = (u - 4.0) / (u + 4.0);
  let quotient = 0.4720532 + v * (-0.0967029706 + v * (0.0140000917 + v * (0.0285882577 + v * (-0.0322064981
    + v * (0.018011691 + v * (-0.00494063273 + v * (-0.000447401049 + v * 0.000543464383)))))));
  let head = bitcast<f32>(bitcast<u32>(u) & 0xfffff000u);
  return preciseExp(-0.5 * head * head) * preciseExp(-0.5 * (u - head) * (u + head)) * quotient / (u + 1.0);
}
`,
  normalCdf: `fn normalCdf(x: f32) -> f32 {
  let tail = normalTail(min(abs(x), 20.0));
  return select(select(tail, 1.0 - tail, x > 0.0), x, isNan(x));
}
`,
  errorFunction: `// Near 0 a polynomial, error 5e-8; beyond 1 by the tail of the normal distribution.
fn errorFunction(x: f32) -> f32 {
  let z = x * x;
  let near = x * (1.12837911 + z * (-0.37612325 + z * (0.112801798 + z * (-0.0267113112
    + z * (0.0049175513 + z * -0.000563142181)))));
  let tail = 1.0 - 2.0 * normalTail(min(abs(x), 10.0) * 1.41421356);
  return select(select(select(tail, -tail, x < 0.0), near, abs(x) < 1.0), x, isNan(x));
}
`,
  upper: `// The upper half of the digits. Products of two such are exact, and what is left of a number by taking this off; by its bits, for
// compilers may take (a + b) - a for b.
fn upper(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
`,
  logTwo: `// log2(x) as a sum of two, the first of half the digits, for finite x > 0: to about 2^-32, since a power multiplies its
// error by the exponent. As in logNear, with s = f / sum in two parts; 1.44269504 = 1 / log(2) is 1.4423828125 and a rest.
fn logTwo(x: f32) -> vec2<f32> {
  let parts = logParts(x);
  let f = parts.y - 1.0;
  let sum = upper(1.0 + parts.y);
  let rest = parts.y - (sum - 1.0);
  let s = upper(f / (sum + rest));
  let left = ((f - s * sum) - s * rest) / (sum + rest);
  let total = s + left;
  let high = upper(parts.x + 2.0 * s * 1.4423828125);
  let tail = 2.0 * left + total * logSeries(total * total);
  return vec2<f32>(high, ((parts.x - high) + 2.0 * s * 1.4423828125) + (s * 6.24456778e-4 + tail * 1.44269504));
}
`,
  power: `// x^y with the special cases of IEEE 754.
fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (isNan(x) || isNan(y)) { return nan(); }
  let a = abs(x);
  let whole = trunc(y) == y;
  if (x < 0.0 && isFinite(x) && !whole) { return nan(); }
  // Beyond 2^24 all numbers are even, and so is what i32 makes of those that it does not hold.
  let odd = whole && (i32(y) & 1) == 1;
  var size = 1.0;
  if (a == 0.0 || !isFinite(a)) {
    size = select(0.0, infinity(), (a > 1.0) == (y > 0.0));
  } else if (a != 1.0) {
    let exponent = logTwo(a);
    let main = upper(y) * exponent.x;
    let rest = (y - upper(y)) * exponent.x + y * exponent.y;
    let n = round(clamp(main + rest, -200.0, 200.0));
    let r = (main - n) + rest;
    size = scale(1.0 + expNear(r * 0.693147181), i32(n));
    size = select(select(size, infinity(), main > 200.0), 0.0, main < -200.0);
  }
  return select(size, -size, isNegative(x) && odd);
}
`,
};
