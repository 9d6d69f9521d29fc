// Functions of the float64 reference that JavaScript does not have, or has otherwise than IEEE 754 and PyTorch.

/** x^y as IEEE 754 has it: 1^y = 1 and (-1)^(+-Infinity) = 1, which JavaScript takes for NaN. */
export const power = (x: number, y: number): number =>
  x === 1 || (x === -1 && Math.abs(y) === Number.POSITIVE_INFINITY) ? 1 : x ** y;

/** x^y of whole numbers with wraparound to 32 bits. Below 0 only 1 and -1 have powers other than 0. */
export function powerInt(x: number, y: number): number {
  if (y < 0) return Math.abs(x) === 1 ? power(x, y) : 0;
  let result = 1;
  let base = x;
  for (let rest = y; rest > 0; rest >>= 1) {
    if (rest & 1) result = Math.imul(result, base);
    base = Math.imul(base, base);
  }
  return result;
}

/** x - y floor(x / y): the remainder with the sign of y. */
export function remainder(x: number, y: number): number {
  const rest = x % y;
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest;
}

/** The nearest whole number, of two the even one. */
export function roundEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
}

/** The whole number towards 0 that int32 holds: 0 for NaN, the nearest for what lies beyond. */
export const toInt32 = (x: number): number => Math.min(Math.max(Math.trunc(x), -(2 ** 31)), 2 ** 31 - 1) || 0;

/** 1 / (1 + e^-x), exact in both tails. */
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));

/** log(1 + e^x) */
export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** The normal density times sum x^(2n + 1) / (2n + 1)!!, whose terms have one sign: the probability between 0 and x. */
function fromCenter(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 60; n++) {
    term *= (x * x) / (2 * n + 1);
    total += term;
  }
  return total * density(x);
}

const density = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

/** The probability of a normal number above x >= 2: a continued fraction. */
function tail(x: number): number {
  let fraction = x;
  for (let n = 100; n > 0; n--) fraction = x + n / fraction;
  return density(x) / fraction;
}

/** The probability of a normal number below x. */
export function normalCdf(x: number): number {
  if (Math.abs(x) < 2) return 0.5 + fromCenter(x);
  return x > 0 ? 1 - tail(x) : tail(-x);
}

/** The error function. */
export function erf(x: number): number {
  const u = Math.abs(x) * Math.SQRT2;
  return Math.sign(x) * (u < 2 ? 2 * fromCenter(u) : 1 - 2 * tail(u));
}
