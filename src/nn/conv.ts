// Convolution layers, forward and transposed, with PyTorch's parameter shapes.
import {
  type Conv1dOptions,
  type ConvOptions,
  type ConvTranspose1dOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
} from '../ops/conv.ts';
import { type PadOptions, pad } from '../ops/pad.ts';
import { type Pair, pair } from '../ops/window.ts';
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkDivides } from './check.ts';
import { fans, layerDefault } from './init.ts';
import { Module, parameter } from './module.ts';

interface Bias {
  /** Default true. */
  bias?: boolean;
}

type AnyOptions = ConvOptions & Pick<ConvTransposeOptions, 'outputPadding'>;

/** What of a layer's making the kind of convolution decides. */
interface Kind {
  layer: string;
  /** 2 for images, 1 for rows. */
  dims: 1 | 2;
  transposed?: boolean;
}

/** What the four have in common: parameters that start uniform within 1 / sqrt(fan in), and checks of how they are made. */
abstract class Convolution<Options extends AnyOptions> extends Module {
  weight: Tensor;
  bias: Tensor | null;
  readonly options: Options;

  constructor(
    { layer, dims, transposed = false }: Kind,
    inChannels: number,
    outChannels: number,
    kernelSize: number | Pair,
    { bias = true, ...options }: AnyOptions & Bias,
  ) {
    super();
    const { groups = 1, stride = 1, dilation = 1, padding = 0, outputPadding = 0 } = options;
    checkDivides(layer, 'groups', groups, { inChannels, outChannels });
    const kernel = pair(layer, 'kernelSize', kernelSize, 1, dims).slice(-dims);
    pair(layer, 'stride', stride, 1, dims);
    pair(layer, 'dilation', dilation, 1, dims);
    pair(layer, 'outputPadding', outputPadding, 0, dims);
    const named = !transposed && (padding === 'same' || padding === 'valid');
    if (!named) pair(layer, 'padding', padding, 0, dims);
    if (padding === 'same' && [stride].flat().some((s) => s !== 1)) {
      throw new ShapeError(`${layer}: padding 'same' needs stride 1, got ${stride}`);
    }
    const [first, second] = transposed ? [inChannels, outChannels] : [outChannels, inChannels];
    const shape = [first, second / groups, ...kernel];
    const { fanIn } = fans(shape);
    this.weight = parameter(layerDefault(shape, fanIn));
    this.bias = bias ? parameter(layerDefault([outChannels], fanIn)) : null;
    this.options = options as Options;
  }
}

type Border = 'zeros' | Exclude<PadOptions['mode'], 'constant' | undefined>;
const BORDERS: Border[] = ['zeros', 'reflect', 'replicate', 'circular'];

interface BorderOptions extends Bias {
  /** What `padding` pads with: zeros (default), the image mirrored, its outermost elements, or the image anew from its other end. */
  paddingMode?: Border;
}

/** A convolution that may pad with something else than zeros. */
abstract class Correlation<Options extends ConvOptions> extends Convolution<Options> {
  readonly paddingMode: Border;

  constructor(
    kind: Kind,
    inChannels: number,
    outChannels: number,
    kernelSize: number | Pair,
    { paddingMode = 'zeros', ...options }: ConvOptions & BorderOptions,
  ) {
    if (!BORDERS.includes(paddingMode)) {
      throw new ShapeError(`${kind.layer}: expected paddingMode ${BORDERS.join(', ')}, got ${paddingMode}`);
    }
    super(kind, inChannels, outChannels, kernelSize, options);
    this.paddingMode = paddingMode;
  }

  /** x with its border, and the options that are left for the convolution. */
  protected bordered(x: Tensor): [Tensor, Options] {
    const { paddingMode: mode, options, weight } = this;
    const { padding = 0, dilation = 1 } = options;
    if (mode === 'zeros' || padding === 'valid') return [x, options];
    // The last dim comes first.
    const taps = weight.shape.slice(2).reverse();
    const sizes = taps.flatMap((k, d) => {
      const at = (value: number | Pair) => [value].flat().at(-1 - d) ?? (value as number);
      const total = padding === 'same' ? at(dilation) * (k - 1) : 2 * at(padding);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    return [pad(x, sizes, { mode }), { ...options, padding: 0 }];
  }
}

/**
 * 2-D convolution of [N, C, H, W] or [C, H, W]; weight [out, in / groups, kernel, kernel], bias [out]. Both start uniform within
 * 1 / sqrt(in / groups * kernel * kernel).
 */
export class Conv2d extends Correlation<ConvOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | Pair,
    options: ConvOptions & BorderOptions = {},
  ) {
    super({ layer: 'Conv2d', dims: 2 }, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    const [image, options] = this.bordered(x);
    return conv2d(image, this.weight, this.bias, options);
  }
}

/**
 * 1-D convolution of [N, C, L] or [C, L]; weight [out, in / groups, kernel], bias [out]. Both start uniform within
 * 1 / sqrt(in / groups * kernel).
 */
export class Conv1d extends Correlation<Conv1dOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    options: Conv1dOptions & BorderOptions = {},
  ) {
    super({ layer: 'Conv1d', dims: 1 }, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    const [row, options] = this.bordered(x);
    return conv1d(row, this.weight, this.bias, options);
  }
}

/**
 * Transposed 2-D convolution of [N, C, H, W] or [C, H, W]; weight [in, out / groups, kernel, kernel], bias [out]. Both start
 * uniform within 1 / sqrt(out / groups * kernel * kernel), as in PyTorch.
 */
export class ConvTranspose2d extends Convolution<ConvTransposeOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | Pair,
    options: ConvTransposeOptions & Bias = {},
  ) {
    super({ layer: 'ConvTranspose2d', dims: 2, transposed: true }, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose2d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Transposed 1-D convolution of [N, C, L] or [C, L]; weight [in, out / groups, kernel], bias [out]. Both start uniform within
 * 1 / sqrt(out / groups * kernel).
 */
export class ConvTranspose1d extends Convolution<ConvTranspose1dOptions> {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number,
    options: ConvTranspose1dOptions & Bias = {},
  ) {
    super({ layer: 'ConvTranspose1d', dims: 1, transposed: true }, inChannels, outChannels, kernelSize, options);
  }

  override forward(x: Tensor): Tensor {
    return convTranspose1d(x, this.weight, this.bias, this.options);
  }
}
