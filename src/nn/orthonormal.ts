// Orthonormal vectors out of others.
/**
 * The rows of a row-major matrix [n, size], n <= size, made orthogonal to each other and of length 1, in place: Q of the QR
 * decomposition of its transpose, with a positive diagonal of R. By Gram and Schmidt's method; each row is done twice, which
 * brings the error down to that of rounding.
 */
export function orthonormalRows(rows: Float64Array, n: number, size: number): Float64Array {
  const row = (i: number) => rows.subarray(i * size, (i + 1) * size);
  const dot = (a: Float64Array, b: Float64Array) => {
    let total = 0;
    for (let k = 0; k < size; k++) total += a[k] * b[k];
    return total;
  };
  for (let i = 0; i < n; i++) {
    const v = row(i);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const u = row(j);
        const share = dot(u, v);
        for (let k = 0; k < size; k++) v[k] -= share * u[k];
      }
      const length = Math.sqrt(dot(v, v));
      for (let k = 0; k < size; k++) v[k] /= length;
    }
  }
  return rows;
}
