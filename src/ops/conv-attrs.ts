// The attributes that the three rows of a convolution share.
import type { Shape } from '../tensor/shape.ts';
import type { Pair } from './window.ts';

/** Which convolution x [N, I, H, W] * weight [O, I / groups, KH, KW] -> out [N, O, outH, outW] an op belongs to. */
export interface ConvAttrs {
  stride: Pair;
  /** Rows of zeros above the image and columns on its left; the shapes tell how many follow it. */
  padding: Pair;
  dilation: Pair;
  groups: number;
  /** The shape of the op's own output, which its inputs do not tell. */
  shape: Shape;
}
