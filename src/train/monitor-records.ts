// What monitors write down: plain records, a JSON line each in the metrics of a run.
import type { Shape } from '../tensor/shape.ts';
import type { Histogram } from './histogram.ts';

/** How values of a layer are spread. A figure that is no finite number is null, as in JSON. */
export interface Spread {
  mean: number | null;
  std: number | null;
  /** Of a sample, at most a few thousand evenly chosen elements; null where histograms are off, or nothing is finite. */
  histogram: Histogram | null;
}

export interface LayerRecord {
  name: string;
  /** The module's class. */
  type: string;
  /** `weights` for a layer that multiplies by weights, `activation` for an elementwise one without any. */
  role: 'weights' | 'activation' | 'other';
  activation: Spread;
  /** Share of the outputs that are 0. */
  zeros: number;
  /** Share of outputs within 0.01 of a bound, of a tanh or a sigmoid; null for others. */
  saturated: number | null;
  /** Of a ReLU or ReLU6: the units (features, or channels of a map) that were 0 for every example of the batch; null for others. */
  dead: number[] | null;
  units: number;
  /** The gradient of the loss by the outputs; null where none arrived. */
  gradient: Spread | null;
}

export interface ParameterRecord {
  name: string;
  shape: Shape;
  /** Euclidean norms: of the values after the step, and of what the step added to them. */
  weight: number | null;
  update: number | null;
}

/** What a probed step showed. */
export interface ProbeRecord {
  kind: 'probe';
  step: number;
  /** Bytes in live tensors on the device, and in all that the device holds. */
  memory: { bytes: number; reserved: number };
  parameters: ParameterRecord[];
  layers: LayerRecord[];
}

/** Weights of the first layer as images: after these steps, [filters, channels, height, width], row-major. */
export interface FiltersRecord {
  kind: 'filters';
  step: number;
  name: string;
  shape: Shape;
  data: number[];
}

export type MonitorRecord = ProbeRecord | FiltersRecord;

/** The number as JSON keeps it: six digits, and null for what is not finite. */
export const figure = (value: number): number | null => (Number.isFinite(value) ? Number(value.toPrecision(6)) : null);
