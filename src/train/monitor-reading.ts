// Turns the numbers of a measured step into its record.
import type { HostArray } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';
import { histogramOf } from './histogram.ts';
import { isWhole, type Layout, type MeasuredLayer } from './monitor-layers.ts';
import { figure, type LayerRecord, type ProbeRecord, type Spread } from './monitor-records.ts';
import { momentsOf } from './statistics.ts';

/** Reads numbers one after the other. */
class Reader {
  private readonly data: HostArray;
  private at: number;

  constructor(data: HostArray = new Float32Array(), at = 0) {
    this.data = data;
    this.at = at;
  }

  next(): number {
    return this.data[this.at++];
  }

  take(count: number): HostArray {
    this.at += count;
    return this.data.subarray(this.at - count, this.at);
  }
}

/** What `values`, in the order of their layout, say of layers and parameters. */
export function readMeasured(
  { parameters, layers, histograms }: Layout,
  values: Record<string, { shape: Shape; data: HostArray }>,
): Pick<ProbeRecord, 'parameters' | 'layers'> {
  const figures = new Reader(values.figures?.data);
  // The first count is the number of the layout.
  const counts = new Reader(values.counts.data, 1);
  const alive = new Reader(values.alive?.data);
  const samples = new Reader(values.samples?.data);
  const norms = parameters.map(({ name, shape }) => {
    return { name, shape, weight: figure(figures.next()), update: figure(figures.next()) };
  });
  const spreadOf = (sample: HostArray, whole: boolean): Spread => {
    const { mean, std } = whole ? momentsOf(sample) : { mean: figures.next(), std: figures.next() };
    const histogram = histograms ? histogramOf(sample) : null;
    if (histogram) Object.assign(histogram, { min: figure(histogram.min), max: figure(histogram.max) });
    return { mean: figure(mean), std: figure(std), histogram };
  };
  const records = layers.map((layer): LayerRecord => {
    const { name, type, role, units, size, bounds, rectifies, read } = layer;
    const whole = isWhole(layer);
    const sample = samples.take(read);
    const activation = spreadOf(sample, whole);
    const nonzero = whole ? count(sample, (v) => v !== 0) : counts.next();
    let saturated: number | null = null;
    if (bounds) saturated = whole ? count(sample, (v) => Math.abs(v - bounds.center) > bounds.reach) : counts.next();
    const flags = !rectifies ? null : whole ? firing(sample, layer) : Array.from(alive.take(units));
    return {
      ...{ name, type, role, units, activation },
      zeros: figure(1 - nonzero / size)!,
      saturated: saturated === null ? null : figure(saturated / size),
      dead: flags?.flatMap((flag, unit) => (flag ? [] : [unit])) ?? null,
      gradient: layer.hasGradient ? spreadOf(samples.take(read), whole) : null,
    };
  });
  return { parameters: norms, layers: records };
}

function count(values: HostArray, test: (value: number) => boolean): number {
  let n = 0;
  for (const value of values) if (test(value)) n++;
  return n;
}

/** For each unit of a whole output, whether it is other than 0 anywhere. */
function firing(values: HostArray, { units, inner }: MeasuredLayer): boolean[] {
  const flags = new Array<boolean>(units).fill(false);
  values.forEach((value, i) => {
    if (value !== 0) flags[Math.floor(i / inner) % units] = true;
  });
  return flags;
}
