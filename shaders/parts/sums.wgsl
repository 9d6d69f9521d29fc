// What a thread of a kernel of matrix products sums up: ROWS rows, 1, 4, 8 or 16, at 4 columns. With outer.wgsl.

// The rows in fours; column i of a matrix belongs to row i of its four.
struct Sums { s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32> }

// Adds the products of the rows, in fours as well, and of what stands in the columns.
fn addProducts(sums: ptr<function, Sums>, rows: mat4x4<f32>, columns: vec4<f32>) {
  if (ROWS == 1u) {
    (*sums).s0[0] += rows[0].x * columns;
  } else {
    (*sums).s0 += outer(rows[0], columns);
  }
  if (ROWS > 4u) {
    (*sums).s1 += outer(rows[1], columns);
  }
  if (ROWS > 8u) {
    (*sums).s2 += outer(rows[2], columns);
    (*sums).s3 += outer(rows[3], columns);
  }
}

fn joined(a: Sums, b: Sums) -> Sums {
  return Sums(a.s0 + b.s0, a.s1 + b.s1, a.s2 + b.s2, a.s3 + b.s3);
}
