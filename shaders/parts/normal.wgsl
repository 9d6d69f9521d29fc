// Normal samples by Box and Muller's method: two of each pair of words, as src/tensor/random.ts makes them.

// log(1 - u) for u in [0, 1): near 0, where builtins may lose all digits, by 2 atanh(s), s = u / (u - 2).
fn logOneMinus(u: f32) -> f32 {
  let s = u / (u - 2.0);
  let q = s * s;
  var series = 1.0 / 17.0;
  for (var k = 0u; k < 8u; k++) {
    series = series * q + 1.0 / f32(15u - 2u * k);
  }
  return select(log(1.0 - u), 2.0 * s * series, u < 0.5);
}

// (cos, sin) of a whole turn times u, u in [0, 1): by series on an eighth of a turn either side of each quarter.
fn turn(u: f32) -> vec2<f32> {
  let quarter = floor(u * 4.0 + 0.5);
  let x = (u * 4.0 - quarter) * 1.5707963267948966;
  let q = x * x;
  let sine = x * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q / 362880.0))));
  let cosine = 1.0 + q * (-0.5 + q * (1.0 / 24.0 + q * (-1.0 / 720.0 + q * (1.0 / 40320.0 - q / 3628800.0))));
  let across = (u32(quarter) & 1u) == 1u;
  let sign = select(1.0, -1.0, (u32(quarter) & 2u) == 2u);
  return sign * select(vec2<f32>(cosine, sine), vec2<f32>(-sine, cosine), across);
}

fn sample(words: vec4<u32>, a: u32, b: u32) -> vec4<OUT> {
  let unit = vec4<f32>(words >> vec4<u32>(8u)) * 0x1p-24;
  let radius = sqrt(-2.0 * vec2<f32>(logOneMinus(unit.x), logOneMinus(unit.z)));
  let normal = vec4<f32>(radius.x * turn(unit.y), radius.y * turn(unit.w));
  return bitcast<f32>(a) + bitcast<f32>(b) * normal;
}
