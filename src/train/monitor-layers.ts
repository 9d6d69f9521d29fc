// Measures a training step on the device: outputs of layers and their gradients, updates of parameters.
import { apply, noGrad } from '../autograd/tape.ts';
import { ReLU, ReLU6, Sigmoid, Tanh } from '../nn/layers.ts';
import type { Module } from '../nn/module.ts';
import { packOp, places } from '../ops/arena.ts';
import { concat } from '../ops/functions.ts';
import { abs, any, cast, countNonzero, gt, mean, norm, reshape, slice, std, sub } from '../ops/index.ts';
import { tensor } from '../tensor/creation.ts';
import { isFloat } from '../tensor/dtype.ts';
import { currentScope, keep, moveTo } from '../tensor/scope.ts';
import { elementCount, type Shape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { samplingStep } from './histogram.ts';
import type { LayerRecord } from './monitor-records.ts';

/**
 * Elements of a layer's output that are read, at most: all of a small output, from which the host takes every figure, and of
 * a larger one a sample for its histogram.
 */
const SAMPLE = 4096;

const boundsOf = (module: Module) => {
  if (module instanceof Tanh) return { center: 0, reach: 0.99 };
  if (module instanceof Sigmoid) return { center: 0.5, reach: 0.49 };
  return null;
};

/** A layer as a step showed it. */
export interface MeasuredLayer extends Pick<LayerRecord, 'name' | 'type' | 'role' | 'units'> {
  /** Elements of the output, of what is read of it, and of one unit of one example. */
  size: number;
  read: number;
  inner: number;
  /** Where outputs count as saturated: further than `reach` from `center`. */
  bounds: { center: number; reach: number } | null;
  rectifies: boolean;
  hasGradient: boolean;
}

/** Whether all of a layer's output is read. */
export const isWhole = ({ size, read }: MeasuredLayer): boolean => read === size;

/** What the numbers of a measurement are, in order. */
export interface Layout {
  parameters: { name: string; shape: Shape }[];
  layers: MeasuredLayer[];
  histograms: boolean;
}

interface Call {
  module: Module;
  layer: MeasuredLayer;
  output: Tensor;
  /** Whether it was taken out of a scope. */
  taken: boolean;
  /** Dim of the units. */
  dim: number;
}

/** Measures one step between begin() and end(), which may be inside a function that is compiled. */
export class Measurement {
  private readonly histograms: boolean;
  private readonly calls: Call[] = [];
  private readonly hooks: (() => void)[] = [];
  private readonly parameters: [string, Tensor][];
  private readonly before: Tensor;
  /** Whether the last layer with weights was a convolution, whose units lie in dim 1. */
  private channelsFirst = false;

  /** Begins: from now on calls of layers are noted. Copies the parameters. */
  constructor(model: Module, { histograms }: { histograms: boolean }) {
    this.histograms = histograms;
    this.parameters = [...new Map([...model.namedParameters()].map(([name, x]) => [x, name]))].map(([x, name]) => [
      name,
      x,
    ]);
    this.before = keep(this.packed());
    let over = false;
    for (const [name, module] of leaves(model)) {
      const hook = (_: Module, input: Tensor, output: Tensor) => {
        if (!over) this.note(name, module, input, output);
      };
      this.hooks.push(module.registerForwardHook(hook));
    }
    // Of a step with several batches the first one is measured.
    const end = model.registerForwardHook(() => {
      over = true;
    });
    this.hooks.push(end);
  }

  /** Takes the hooks off, and gives up what was held. */
  release(): void {
    for (const remove of this.hooks.splice(0)) remove();
    for (const { output, taken } of this.calls.splice(0)) if (taken) output.dispose();
    this.before.dispose();
  }

  /**
   * Ends: what was measured, as few flat tensors. `id` comes back in front of the counts: it tells which layout the
   * numbers have, though a compiled step runs this only once.
   */
  end(idOf: (layout: Layout) => number): Record<string, Tensor> {
    for (const remove of this.hooks.splice(0)) remove();
    // From here on they belong to whoever ends the step.
    for (const { output, taken } of this.calls) if (taken) moveTo(output, currentScope());
    moveTo(this.before, currentScope());
    return noGrad(() => {
      const parts: Record<'figures' | 'counts' | 'alive' | 'samples', Tensor[]> = {
        figures: this.norms(),
        counts: [],
        alive: [],
        samples: [],
      };
      for (const { layer, output, dim } of this.calls) {
        const values = floats(output);
        if (!isWhole(layer)) {
          parts.figures.push(...moments(values));
          parts.counts.push(countNonzero(values));
          const { bounds, rectifies } = layer;
          if (bounds) parts.counts.push(countNonzero(gt(abs(sub(values, bounds.center)), bounds.reach)));
          const others = output.shape.map((_, d) => d).filter((d) => d !== dim);
          if (rectifies) parts.alive.push(any(values, others));
        }
        if (layer.read > 0) parts.samples.push(sampled(values));
        layer.hasGradient = output.grad !== null;
        if (!output.grad) continue;
        const gradients = floats(output.grad);
        if (!isWhole(layer)) parts.figures.push(...moments(gradients));
        if (layer.read > 0) parts.samples.push(sampled(gradients));
      }
      const layout = {
        parameters: this.parameters.map(([name, { shape }]) => ({ name, shape })),
        layers: this.calls.map(({ layer }) => layer),
        histograms: this.histograms,
      };
      parts.counts.unshift(tensor(Int32Array.of(idOf(layout)), { device: this.before.device }));
      const filled = Object.entries(parts).filter(([, list]) => list.length > 0);
      return Object.fromEntries(
        filled.map(([name, list]) => [name, concat(list.map((part) => reshape(part, [part.size])))]),
      );
    });
  }

  private note(name: string, module: Module, input: Tensor, output: Tensor): void {
    const weights = weightOf(module);
    if (weights) this.channelsFirst = weights.rank >= 3;
    // What only looks at its input differently shows nothing new.
    if (!isFloat(output.dtype) || output.size === 0) return;
    if (output.view('monitors').storage === input.view('monitors').storage) return;
    if (output.requiresGrad) output.retainGrad();
    // A scope around a batch may end before the step does.
    const taken = output.scope !== null;
    if (taken) keep(output);
    // Every kind of dropout has its probability p.
    const plain = [...module.parameters()].length === 0 && !('p' in module);
    const elementwise = plain && sameShape(input.shape, output.shape);
    const again = this.calls.filter((call) => call.module === module).length;
    const dim = this.channelsFirst && output.rank >= 3 ? 1 : output.rank - 1;
    const whole = output.size <= SAMPLE;
    const layer: MeasuredLayer = {
      name: again > 0 ? `${name} (call ${again + 1})` : name,
      type: module.constructor.name,
      role: weights ? 'weights' : elementwise ? 'activation' : 'other',
      units: output.shape[dim] ?? 1,
      size: output.size,
      read: whole || this.histograms ? Math.ceil(output.size / samplingStep(output.size, SAMPLE)) : 0,
      inner: elementCount(output.shape.slice(dim + 1)),
      bounds: boundsOf(module),
      rectifies: (module instanceof ReLU || module instanceof ReLU6) && output.rank >= 2,
      hasGradient: false,
    };
    this.calls.push({ module, layer, output, taken, dim });
  }

  /** All parameters one behind the other, at their places. */
  private packed(): Tensor {
    return noGrad(() =>
      apply(
        packOp,
        this.parameters.map(([, x]) => x),
        {},
      ),
    )[0];
  }

  /** For each parameter the norm of its values, and of their change since the beginning. */
  private norms(): Tensor[] {
    const change = sub(this.packed(), this.before);
    const { offsets } = places(this.parameters.map(([, { shape }]) => shape));
    return this.parameters.flatMap(([, x], i) => [
      norm(x.detach()),
      norm(slice(change, 0, offsets[i], offsets[i] + elementCount(x.shape))),
    ]);
  }
}

/** The first parameter of a layer that multiplies its input: one of rank 2 or more. */
export const weightOf = (module: Module): Tensor | undefined => [...module.parameters()].find(({ rank }) => rank >= 2);

/** Modules without children, each once, with dotted names. */
export function* leaves(model: Module): Generator<[string, Module]> {
  for (const [name, module] of model.namedModules()) {
    if (module.children().next().done) yield [name || 'model', module];
  }
}

const floats = (x: Tensor): Tensor => (x.dtype === 'float32' ? x.detach() : cast(x.detach(), 'float32'));

const moments = (x: Tensor): Tensor[] => [mean(x), std(x, undefined, { correction: 0 })];

/** At most SAMPLE elements, evenly chosen. */
function sampled(x: Tensor): Tensor {
  return slice(reshape(x, [x.size]), 0, 0, x.size, samplingStep(x.size, SAMPLE));
}
