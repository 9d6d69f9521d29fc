// Normal samples between two bounds: the quantiles of uniform numbers between the bounds' probabilities a and a + b.

// The number that a normal one stays below with probability p (Wichura, AS 241, the variant of 7 digits).
fn quantile(p: f32) -> f32 {
  let q = p - 0.5;
  let c = 0.180625 - q * q;
  let middle = q * (((59.10937472 * c + 159.29113202) * c + 50.434271938) * c + 3.3871327179)
    / (((67.1875636 * c + 78.757757664) * c + 17.895169469) * c + 1.0);
  let r = sqrt(-log(max(min(p, 1.0 - p), 1.17549435e-38)));
  let d = r - 1.6;
  let near = (((0.17023821103 * d + 1.3067284816) * d + 2.75681539) * d + 1.4234372777)
    / ((0.12021132975 * d + 0.7370016425) * d + 1.0);
  let e = r - 5.0;
  let far = (((0.017337203997 * e + 0.42868294337) * e + 3.081226386) * e + 6.657905115)
    / ((0.012258202635 * e + 0.24197894225) * e + 1.0);
  let tail = select(far, near, r <= 5.0);
  return select(select(tail, -tail, q < 0.0), middle, abs(q) <= 0.425);
}

fn sample(words: vec4<u32>, a: u32, b: u32) -> vec4<OUT> {
  let p = bitcast<f32>(a) + bitcast<f32>(b) * (vec4<f32>(words >> vec4<u32>(8u)) * 0x1p-24);
  return vec4<f32>(quantile(p.x), quantile(p.y), quantile(p.z), quantile(p.w));
}
