// What is measured, as plain data that every library reads: an op on given inputs, or a training step of a network.
import type { Network } from './network.ts';
import type { Fill } from './values.ts';

export interface Input {
  shape: number[];
  fill: Fill;
}

/** Ops by their math; every library says how it computes them, or why it cannot. */
export type OpName =
  | 'matmul' // a [m, k] times b [k, n]
  | 'add' // a + b
  | 'mulAddRelu' // relu(a b + a)
  | 'sum' // of all elements of a
  | 'sumDim0' // of a [m, n] to [n]
  | 'softmax' // along the last dim of a
  | 'conv' // x [N, C, H, W] with w [O, C, K, K], stride 1
  | 'convDx' // the gradient for x, from w and dy [N, O, H, W]
  | 'convDw'; // the gradient for w, from x and dy

interface Common {
  /** Its name on the command line. */
  id: string;
  title: string;
  group: 'matmul' | 'elementwise' | 'reduction' | 'convolution' | 'training';
  /** Floating-point operations of a step, by the textbook. */
  flops: number;
  /** Bytes that must be moved at least: inputs read and outputs written once; for training see Network. */
  bytes: number;
}

export interface OpWorkload extends Common {
  kind: 'op';
  op: OpName;
  inputs: Record<string, Input>;
  /** Of a convolution, on all sides. */
  padding: number;
  /** Indices of the elements of the output that are checked. */
  checked: number[];
  /** Largest difference from float64 that passes, in parts of the root mean square of the values. */
  tolerance: number;
  /** A smaller op whose output is what is checked, for a reference that could not do all of it in reasonable time. */
  reference: {
    inputs: Record<string, { shape: number[]; index: (i: number) => number }>;
    /** Where the checked elements are in its output. */
    checked: number[];
  } | null;
}

export interface TrainWorkload extends Common {
  kind: 'train';
  network: Network;
  batch: number;
  /** Where batches come from: the images of MNIST, or a fill with random labels. */
  data: 'mnist' | 'made';
  classes: number;
  /** Of Adam. Its `eps` is large enough that rounding does not decide which way a parameter with a tiny gradient goes. */
  lr: number;
  eps: number;
}

export type Workload = OpWorkload | TrainWorkload;

/** Batches that a training workload takes turns with. */
export const BATCHES = 4;

/** BATCHES batches, one after the other: x [BATCHES, batch, ...shape] and class indices, one for each row of logits. */
export interface TrainData {
  x: Float32Array<ArrayBuffer>;
  y: Int32Array<ArrayBuffer>;
}
