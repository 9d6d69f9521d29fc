// Eigenvalues and eigenvectors of a symmetric matrix in float64: Householder's tridiagonal form, then QL with implicit shifts
// (Golub and Van Loan, Matrix Computations, 8.3). About 9 n^3 operations.
import { DataError } from './error.ts';

export interface Eigen {
  /** Descending. */
  values: Float64Array;
  /** Row i belongs to value i: of length 1, its largest element positive. [n, n] */
  vectors: Float64Array;
}

/** Turns of QL for one eigenvalue; it takes 1 to 3. */
const MOST_TURNS = 60;

/**
 * A = Q T Q^T. `a` [n, n] is overwritten; the tridiagonal T has `diagonal` [n] and `beside` [n], where element i lies between
 * i and i + 1. Gives Q^T, row-major. Step k reflects by H = I - 2 v v^T what lies under element k of the diagonal.
 */
function tridiagonal(a: Float64Array, n: number, diagonal: Float64Array, beside: Float64Array): Float64Array {
  const reflections: (Float64Array | null)[] = [];
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k];
    // The matrix is symmetric, so row k stands for column k.
    const v = a.slice(k * n, (k + 1) * n).fill(0, 0, k + 1);
    const length = lengthOf(v);
    beside[k] = v[k + 1];
    reflections.push(null);
    if (length === 0 || length === Math.abs(v[k + 1])) continue;
    beside[k] = v[k + 1] > 0 ? -length : length;
    v[k + 1] -= beside[k];
    const scale = 1 / lengthOf(v);
    for (let i = k + 1; i < n; i++) v[i] *= scale;
    reflections[k] = v;
    // H A H = A - v w^T - w v^T with p = 2 A v and w = p - (v^T p) v.
    let dot = 0;
    for (let i = k + 1; i < n; i++) {
      let sum = 0;
      for (let j = k + 1, at = i * n + k + 1; j < n; j++, at++) sum += a[at] * v[j];
      p[i] = 2 * sum;
      dot += p[i] * v[i];
    }
    for (let i = k + 1; i < n; i++) p[i] -= dot * v[i];
    for (let i = k + 1; i < n; i++) {
      const vi = v[i];
      const pi = p[i];
      for (let j = k + 1, at = i * n + k + 1; j < n; j++, at++) a[at] -= vi * p[j] + pi * v[j];
    }
  }
  diagonal[n - 1] = a[n * n - 1];

  // Q^T = H_last ... H_0, from the last on, so that only the corner that is not the identity yet is touched.
  const q = a.fill(0);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  for (let k = n - 2; k >= 0; k--) {
    const v = reflections[k];
    if (!v) continue;
    for (let row = k + 1; row < n; row++) {
      let dot = 0;
      for (let j = k + 1, at = row * n + k + 1; j < n; j++, at++) dot += q[at] * v[j];
      dot *= 2;
      for (let j = k + 1, at = row * n + k + 1; j < n; j++, at++) q[at] -= dot * v[j];
    }
  }
  return q;
}

/** The length of v, scaled by its largest element, so that squares neither overflow nor vanish. */
function lengthOf(v: Float64Array): number {
  let most = 0;
  for (let i = 0; i < v.length; i++) most = Math.max(most, Math.abs(v[i]));
  if (most === 0) return 0;
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += (v[i] / most) ** 2;
  return most * Math.sqrt(sum);
}

/** Makes T diagonal by rotations of neighbours, which rows of q go along with. */
function diagonalize(d: Float64Array, e: Float64Array, q: Float64Array): void {
  const n = d.length;
  const negligible = Number.EPSILON * d.reduce((most, value, i) => Math.max(most, Math.abs(value) + Math.abs(e[i])), 0);
  for (let low = 0; low < n; low++) {
    for (let turn = 0; ; turn++) {
      // T falls apart where what is beside the diagonal is lost in rounding. That is measured by all of T: beside tiny
      // neighbours alone it would never get small enough, as rotations carry the rounding of large elements there.
      let end = low;
      while (end < n - 1 && Math.abs(e[end]) > negligible) end++;
      if (end === low) break;
      if (turn === MOST_TURNS) throw new DataError(`eigenvalue ${low} of ${n} was not found in ${MOST_TURNS} turns`);
      // Wilkinson's shift: the eigenvalue of the upper corner that is nearer to its first element.
      const half = (d[low + 1] - d[low]) / (2 * e[low]);
      const root = Math.hypot(half, 1);
      const shift = d[low] - e[low] / (half + (half >= 0 ? root : -root));
      // A rotation starts at the bottom, and the bulge that it makes is chased up to `low`.
      let [cos, sin, moved, bulge] = [1, 1, 0, d[end] - shift];
      let i = end - 1;
      for (; i >= low; i--) {
        const [f, b] = [sin * e[i], cos * e[i]];
        const r = Math.hypot(f, bulge);
        e[i + 1] = r;
        if (r === 0) {
          // T fell apart on the way.
          d[i + 1] -= moved;
          e[end] = 0;
          break;
        }
        sin = f / r;
        cos = bulge / r;
        const rest = d[i + 1] - moved;
        const twist = (d[i] - rest) * sin + 2 * cos * b;
        moved = sin * twist;
        d[i + 1] = rest + moved;
        bulge = cos * twist - b;
        for (let k = 0, upper = i * n, lower = upper + n; k < n; k++, upper++, lower++) {
          const x = q[upper];
          const y = q[lower];
          q[lower] = sin * x + cos * y;
          q[upper] = cos * x - sin * y;
        }
      }
      if (i >= low) continue;
      d[low] -= moved;
      e[low] = bulge;
      e[end] = 0;
    }
  }
}

/** Eigenvalues and eigenvectors of the symmetric `matrix` [n, n], row-major. */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  if (matrix.length !== n * n) throw new DataError(`symmetricEigen: expected ${n * n} elements, got ${matrix.length}`);
  const [d, e] = [new Float64Array(n), new Float64Array(n)];
  const q = tridiagonal(matrix.slice(), n, d, e);
  diagonalize(d, e, q);
  const order = Array.from(d.keys()).sort((a, b) => d[b] - d[a]);
  const vectors = new Float64Array(n * n);
  order.forEach((from, to) => {
    const row = q.subarray(from * n, (from + 1) * n);
    let largest = 0;
    for (const value of row) if (Math.abs(value) > Math.abs(largest)) largest = value;
    for (let k = 0; k < n; k++) vectors[to * n + k] = largest < 0 ? -row[k] : row[k];
  });
  return { values: Float64Array.from(order, (i) => d[i]), vectors };
}
