// Augmentation of images [N, C, H, W] on the device, each image its own way, from the seeded random stream.
import { Module } from '../nn/module.ts';
import { expand } from '../ops/broadcast.ts';
import { add, clamp, div, lt, mul, sub, where } from '../ops/elementwise.ts';
import { gather } from '../ops/indexing.ts';
import { reshape } from '../ops/movement.ts';
import { type PadOptions, pad } from '../ops/pad.ts';
import { flip as reversed } from '../ops/rearrange.ts';
import { mean as meanOf } from '../ops/reduction.ts';
import { rand, randint } from '../ops/sampling.ts';
import { narrow } from '../ops/slice.ts';
import { arange, tensor } from '../tensor/creation.ts';
import { ShapeError } from '../tensor/errors.ts';
import { scope } from '../tensor/scope.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** New images from images, of the same number: what the functions here give. Each call takes new random numbers. */
export type Augmentation = (x: Tensor) => Tensor;

function checkImages(call: string, x: Tensor): void {
  if (x.rank !== 4 || x.dtype !== 'float32') {
    throw new ShapeError(`${call}: expected float32 images [N, C, H, W], got ${format(x.shape)} of ${x.dtype}`);
  }
}

/** An augmentation whose intermediate tensors are released; `change` sees checked images. */
const augmentation =
  (call: string, change: Augmentation): Augmentation =>
  (x) => {
    checkImages(call, x);
    return scope(() => change(x));
  };

/** One random number in [0, 1) for each image, [N, 1, 1, 1]. */
const perImage = (x: Tensor) => rand([x.shape[0], 1, 1, 1], { device: x.device });

/** Turns each image round with probability p: left and right, or top and bottom where `vertical` is set. */
export function flip(p = 0.5, { vertical = false }: { vertical?: boolean } = {}): Augmentation {
  if (!(p >= 0 && p <= 1)) throw new ShapeError(`flip: expected a probability from 0 to 1, got ${p}`);
  // Random numbers are multiples of 2^-24: with p one as well, float32 and float64 decide alike.
  const chance = Math.ceil(p * 2 ** 24) / 2 ** 24;
  return augmentation('flip', (x) => where(lt(perImage(x), chance), reversed(x, vertical ? 2 : 3), x));
}

export interface BorderOptions {
  /** What lies outside: zeros (the default), or the image mirrored, or its outermost pixels. */
  mode?: PadOptions['mode'];
  /** What lies outside for mode constant. Default 0, which is the mean of normalized images. */
  value?: number;
}

const isCount = (n: number) => Number.isInteger(n) && n >= 0;

/** A window of h by w pixels at a random place of each image, which is padded on all sides before. */
function window(x: Tensor, [h, w]: readonly [number, number], padding: number, border: BorderOptions): Tensor {
  const padded = padding === 0 ? x : pad(x, [padding, padding, padding, padding], border);
  const [N, C, H, W] = padded.shape;
  if (h > H || w > W) {
    throw new ShapeError(
      `crop: expected at most ${H} by ${W} pixels from ${format(x.shape)} with padding ${padding}, got ${h} by ${w}`,
    );
  }
  const { device } = x;
  const places = (size: number, whole: number) =>
    add(
      reshape(randint(0, whole - size + 1, [N], { device }), [N, 1]),
      arange(size, undefined, 1, { dtype: 'int32', device }),
    );
  const rows = gather(padded, 2, expand(reshape(places(h, H), [N, 1, h, 1]), [N, C, h, W]));
  return gather(rows, 3, expand(reshape(places(w, W), [N, 1, 1, w]), [N, C, h, w]));
}

/** A part of each image at a random place: `size` pixels high and wide, or [height, width], after padding on all sides. */
export function crop(size: number | readonly [number, number], padding = 0, border: BorderOptions = {}): Augmentation {
  const [h, w] = typeof size === 'number' ? [size, size] : size;
  if (!isCount(h) || !isCount(w) || h * w === 0 || !isCount(padding)) {
    throw new ShapeError(
      `crop: expected whole sizes of at least 1 and a padding of at least 0, got ${size}, ${padding}`,
    );
  }
  return augmentation('crop', (x) => window(x, [h, w], padding, border));
}

/** Moves each image by up to `pixels` up or down and to either side, each number of pixels as likely as the others. */
export function shift(pixels: number, border: BorderOptions = {}): Augmentation {
  if (!isCount(pixels)) throw new ShapeError(`shift: expected a whole number of pixels, got ${pixels}`);
  return augmentation('shift', (x) => window(x, [x.shape[2], x.shape[3]], pixels, border));
}

/** How much may change: b stands for factors from max(0, 1 - b) to 1 + b, a pair for its own range. */
export type Strength = number | readonly [low: number, high: number];

export interface ColorJitterOptions {
  /** Factor on all values. */
  brightness?: Strength;
  /** Factor on the distance from the image's mean gray. */
  contrast?: Strength;
  /** Factor on the distance from each pixel's gray; needs 3 channels, and leaves 1 channel as it is. */
  saturation?: Strength;
  /** How the images were normalized, as an ImageSet has it: one number, or one per channel. Default: 0 and 1. */
  mean?: number | readonly number[];
  std?: number | readonly number[];
}

function rangeOf(what: string, strength: Strength): [low: number, high: number] {
  const [low, high] = typeof strength === 'number' ? [Math.max(0, 1 - strength), 1 + strength] : strength;
  const sensible = typeof strength !== 'number' || strength >= 0;
  if (!(sensible && low >= 0 && low <= high && Number.isFinite(high))) {
    throw new ShapeError(`colorJitter: expected ${what} as a number of at least 0 or [low, high], got [${strength}]`);
  }
  return [low, high];
}

/** Gray of each pixel, [N, 1, H, W]: 0.299 R + 0.587 G + 0.114 B, or the mean of all channels where there are not 3. */
function grayOf(x: Tensor): Tensor {
  if (x.shape[1] !== 3) return x.shape[1] === 1 ? x : meanOf(x, 1, true);
  const [r, g, b] = [0.299, 0.587, 0.114].map((weight, c) => mul(narrow(x, 1, c, 1), weight));
  return add(add(r, g), b);
}

/**
 * Changes the colors of each image by random factors: first brightness, x f; then contrast, m + (x - m) f with the image's
 * mean gray m; then saturation, s + (x - s) f with the pixel's gray s. Values stay between 0 and 1, black and white; for
 * images that were normalized give the mean and std, such as those of the ImageSet, and they stay normalized.
 */
export function colorJitter({ brightness, contrast, saturation, mean = 0, std = 1 }: ColorJitterOptions): Augmentation {
  const bounds = Object.entries({ brightness, contrast, saturation }).map(([what, strength]) =>
    strength === undefined || strength === 0 ? null : rangeOf(what, strength),
  );
  return augmentation('colorJitter', (x) => {
    const C = x.shape[1];
    const channels = (values: number | readonly number[], what: string) => {
      if (typeof values === 'number') return values;
      if (values.length === C) return tensor([...values], { shape: [C, 1, 1], device: x.device });
      throw new ShapeError(`colorJitter: expected a ${what} for each of ${C} channels, got ${values.length}`);
    };
    const [m, s] = [channels(mean, 'mean'), channels(std, 'std')];
    const [bright, contrasted, saturated] = bounds;
    if (saturated && C !== 3 && C !== 1) {
      throw new ShapeError(`colorJitter: expected 1 or 3 channels for saturation, got ${format(x.shape)}`);
    }
    const blend = (image: Tensor, center: Tensor | null, [low, high]: [number, number]) => {
      const factor = add(mul(perImage(x), high - low), low);
      const changed = center ? add(center, mul(sub(image, center), factor)) : mul(image, factor);
      return clamp(changed, 0, 1);
    };
    let image = add(mul(x, s), m);
    if (bright) image = blend(image, null, bright);
    if (contrasted) image = blend(image, meanOf(grayOf(image), [2, 3], true), contrasted);
    if (saturated && C === 3) image = blend(image, grayOf(image), saturated);
    return typeof s === 'number' ? mul(sub(image, m), 1 / s) : div(sub(image, m), s);
  });
}

/** One augmentation after the other. */
export const compose =
  (...steps: Augmentation[]): Augmentation =>
  (x) =>
    scope(() => steps.reduce((image, step) => step(image), x));

/** A layer that augments its input in training, and gives it on as it is in evaluation: the first one of a model. */
export class Augment extends Module {
  private readonly change: Augmentation;

  constructor(...steps: Augmentation[]) {
    super();
    this.change = compose(...steps);
  }

  forward(x: Tensor): Tensor {
    return this.training ? this.change(x) : x;
  }
}
