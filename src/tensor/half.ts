// Half precision (IEEE 754 binary16) to and from the host's floats: not every engine has a Float16Array.

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** The 16 bits of a number, rounded to the nearest half, ties to even. */
export function toHalf(value: number): number {
  float[0] = value;
  const sign = (word[0] >>> 16) & 0x8000;
  const size = Math.abs(float[0]);
  if (Number.isNaN(size)) return sign | 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14 steps are 2^-24 wide, from there 2^(exponent - 10).
  const exponent = size < 2 ** -14 ? -14 : (word[0] >>> 23) - (sign ? 256 : 0) - 127;
  const steps = size / 2 ** (exponent - 10);
  const low = Math.floor(steps);
  const rest = steps - low;
  const rounded = rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
  // A mantissa that rounds up to the next power of two carries into the exponent by itself.
  return sign | (size < 2 ** -14 ? rounded : ((exponent + 15) << 10) + (rounded - 1024));
}

/** The number that 16 bits stand for. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? mantissa * 2 ** -24 : (1024 + mantissa) * 2 ** (exponent - 25));
}
