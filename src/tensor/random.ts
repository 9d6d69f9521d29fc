// Philox4x32-10 (Salmon et al., SC'11): counter-based random bits, the same on every device (shaders/parts/philox.wgsl).
import { refuseInTrace } from './live.ts';

const MULTIPLIER = [0xd2511f53, 0xcd9e8d57];
const WEYL = [0x9e3779b9, 0xbb67ae85];

/** High 32 bits of an unsigned 32 by 32 bit product, by 16-bit limbs. */
export function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const other = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 65536) + Math.floor(other / 65536)) >>> 0;
}

/** Four random words for a counter of four words and a key of two. */
export function philox(counter: readonly number[], key: readonly number[]): [number, number, number, number] {
  let [a, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const low0 = Math.imul(MULTIPLIER[0], a) >>> 0;
    const high0 = mulHigh(MULTIPLIER[0], a);
    const low1 = Math.imul(MULTIPLIER[1], c) >>> 0;
    const high1 = mulHigh(MULTIPLIER[1], c);
    [a, b, c, d] = [(high1 ^ b ^ k0) >>> 0, low1, (high0 ^ d ^ k1) >>> 0, low0];
    k0 = (k0 + WEYL[0]) >>> 0;
    k1 = (k1 + WEYL[1]) >>> 0;
  }
  return [a >>> 0, b >>> 0, c >>> 0, d >>> 0];
}

/** A place in the random sequence: the seed is Philox's key, the stream its upper counter. */
export interface Stream {
  seed: number;
  stream: number;
}

let state: Stream = { seed: 0, stream: 0 };

/** Starts the random sequence again from a seed, a whole number from 0 to 2^53 - 1. */
export function manualSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`manualSeed: expected a whole number from 0 to 2^53 - 1, got ${seed}`);
  }
  refuseInTrace('manualSeed');
  state = { seed, stream: 0 };
}

/** The random state, for a checkpoint. */
export const randomState = (): Stream => ({ ...state });

/** Goes back to a state that randomState() gave. */
export function setRandomState(saved: Stream): void {
  refuseInTrace('setRandomState');
  state = { ...saved };
}

/** @internal The next unused stream; each call of a random op takes one. */
export function nextStream(): Stream {
  refuseInTrace('random numbers of the host');
  const { seed, stream } = state;
  state.stream++;
  return { seed, stream };
}

const low = (n: number) => n >>> 0;
const high = (n: number) => Math.floor(n / 2 ** 32) >>> 0;

/** @internal The words that a shader needs to continue a stream: key, then upper counter. */
export const streamWords = ({ seed, stream }: Stream) => [low(seed), high(seed), low(stream), high(stream)];

/** Calls `use(i, word)` for n random words of a stream: word i is lane i % 4 of the block with counter i / 4. */
export function randomWords(stream: Stream, n: number, use: (i: number, word: number) => void): void {
  const [k0, k1, c2, c3] = streamWords(stream);
  for (let i = 0; i < n; i += 4) {
    const block = philox([i / 4, 0, c2, c3], [k0, k1]);
    for (let lane = 0; lane < 4 && i + lane < n; lane++) use(i + lane, block[lane]);
  }
}

/** A random word as a float in [0, 1), a multiple of 2^-24: exact in float32. */
const toUnit = (word: number) => (word >>> 8) * 2 ** -24;

/** n uniform numbers in [0, 1). */
export function uniform(n: number, stream: Stream = nextStream()): Float64Array {
  const out = new Float64Array(n);
  randomWords(stream, n, (i, word) => {
    out[i] = toUnit(word);
  });
  return out;
}

/** n normal numbers, by Box and Muller's method, two from each pair of words. */
export function normal(n: number, stream: Stream = nextStream()): Float64Array {
  const unit = uniform(n + (n % 2), stream);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - unit[i]));
    const angle = 2 * Math.PI * unit[i + 1];
    out[i] = radius * Math.cos(angle);
    if (i + 1 < n) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** The numbers 0 to n - 1 in random order (Fisher and Yates). */
export function shuffled(n: number, stream: Stream = nextStream()): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const unit = uniform(n, stream);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(unit[i] * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
