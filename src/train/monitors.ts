// monitors(): a callback that measures some steps of a training run and writes down what it saw.
import { Linear } from '../nn/layers.ts';
import type { Module } from '../nn/module.ts';
import { checkWhole } from '../optim/check.ts';
import { type Device, memory } from '../tensor/device.ts';
import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Callback, Probe, Training } from './callback.ts';
import { type Layout, leaves, Measurement, weightOf } from './monitor-layers.ts';
import { readMeasured } from './monitor-reading.ts';
import type { FiltersRecord, MonitorRecord } from './monitor-records.ts';

export interface MonitorOptions {
  /** Steps from one measurement to the next. Default: 50. */
  interval?: number;
  /** Histograms of outputs and gradients. Default: true. */
  histograms?: boolean;
  /** Weights of the first layer as images, at the start and after every epoch. Default: true. */
  filters?: boolean;
  /** Takes each record as it comes, to append it to a file as a line of JSON, say. */
  write?: (record: MonitorRecord) => void;
}

/** The callback, with all records so far. */
export interface Monitors extends Callback {
  readonly records: readonly MonitorRecord[];
  readonly probe: Probe;
}

/** Filters kept at most, and their weights. */
const FILTERS = 64;
const FILTER_WEIGHTS = 16_384;

/**
 * Measures every `interval`-th training step on the device: for each layer that is no container the mean, the standard
 * deviation and a histogram of its outputs and of their gradients, dead units of ReLUs, saturation of tanh and sigmoid;
 * for each parameter the norms of its values and of its last update; the memory in use. Works in compiled steps. Layers
 * are seen where their containers call them by `call(x)`. Throws a RangeError for an interval that is no whole number of
 * at least 1.
 */
export function monitors({ interval = 50, histograms = true, filters = true, write }: MonitorOptions = {}): Monitors {
  checkWhole('monitors', { interval }, 1);
  const records: MonitorRecord[] = [];
  const layouts: Layout[] = [];
  const ids = new Map<string, number>();
  let measurement: Measurement | null = null;
  let device: Device | undefined;
  let filtersAt = -1;

  const add = (record: MonitorRecord) => {
    records.push(record);
    write?.(record);
  };
  const idOf = (layout: Layout): number => {
    const key = JSON.stringify(layout);
    const id = ids.get(key) ?? layouts.push(structuredClone(layout)) - 1;
    ids.set(key, id);
    return id;
  };
  const addFilters = async ({ model, step }: Training) => {
    if (!filters || step === filtersAt) return;
    filtersAt = step;
    const record = await filtersOf(model, step);
    if (record) add(record);
  };

  const probe: Probe = {
    interval,
    begin({ model }) {
      measurement?.release();
      measurement = new Measurement(model, { histograms });
      device = [...model.parameters()][0]?.device;
    },
    end() {
      const measured = measurement!.end(idOf);
      measurement = null;
      return measured;
    },
    report(step, values) {
      const { bytes, reserved } = memory(device);
      add({
        kind: 'probe',
        step,
        memory: { bytes, reserved },
        ...readMeasured(layouts[values.counts.data[0]], values),
      });
    },
  };
  return { records, probe, onBegin: addFilters, onEpoch: (_, training) => addFilters(training), onEnd: addFilters };
}

/** Weights of the first layer as images; null where it has none that could be looked at. */
async function filtersOf(model: Module, step: number): Promise<FiltersRecord | null> {
  const first = [...leaves(model)].find(([, module]) => weightOf(module));
  const weight = first && weightOf(first[1]);
  const shape = weight && imageShape(first[1], weight);
  if (!shape) return null;
  const [out, ...rest] = shape;
  const each = rest.reduce((n, size) => n * size, 1);
  const shown = Math.min(out, FILTERS, Math.max(1, Math.floor(FILTER_WEIGHTS / each)));
  const data = Array.from((await weight.data()).subarray(0, shown * each), (v) => Number(v.toPrecision(4)));
  return { kind: 'filters', step, name: first[0], shape: [shown, ...rest], data };
}

/** [out, channels, height, width]: of a convolution, or of a linear layer over square images in rows. */
function imageShape(module: Module, { shape }: Tensor): Shape | null {
  if (shape.length === 4) return shape[2] * shape[3] > 1 ? shape : null;
  if (!(module instanceof Linear)) return null;
  for (const channels of [1, 3]) {
    const side = Math.sqrt(shape[1] / channels);
    if (Number.isInteger(side) && side >= 8) return [shape[0], channels, side, side];
  }
  return null;
}
