// gradcheckModule: the gradients of a whole model, a few coordinates of every parameter, in float64 on the CPU.
import { grad } from '../autograd/backward.ts';
import { cpuDevice } from '../backends/cpu/backend.ts';
import type { Module } from '../nn/module.ts';
import { add } from '../ops/elementwise.ts';
import { randomState, setRandomState } from '../tensor/random.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkGradients, type GradcheckOptions } from './gradcheck.ts';
import type { GradcheckReport } from './gradcheck-report.ts';
import { type HostTensor, place, valuesOf, withDefaultDevice } from './values.ts';

type Parts = (...inputs: Tensor[]) => Record<string, Tensor>;

export interface ModuleCheckOptions extends GradcheckOptions {
  /** Coordinates to check of every parameter, never a sample over all of them joined. Default 5. */
  samples?: number;
  /** A penalty on the model's parameters, checked apart from the loss: it would hide what is wrong with that. */
  regularization?: (model: Module) => Tensor;
  /**
   * Steps of gradient descent before the check, on the copy that is checked: at the very start gradients may be an odd
   * case. Default 0.
   */
  burnIn?: number;
  /** Learning rate of the burn-in. Default 0.01. */
  burnInLr?: number;
}

/**
 * gradcheck of `loss(model.forward(x), ...targets)` for every parameter of a model, `batch` being [x, ...targets]. The model
 * computes on copies of its parameters and buffers in float64 and gets its own back, unchanged. Kinks, which most
 * networks have, are told apart. Dropout drops the same elements at every call.
 */
export async function gradcheckModule(
  model: Module,
  loss: (output: Tensor, ...targets: Tensor[]) => Tensor,
  batch: readonly [Tensor, ...Tensor[]],
  { samples = 5, regularization, burnIn = 0, burnInLr = 0.01, ...options }: ModuleCheckOptions = {},
): Promise<GradcheckReport> {
  // A tensor that stands in two places, such as a tied weight, is one input.
  const own = new Map<Tensor, string>();
  for (const [name, tensor] of model.namedTensors()) if (!own.has(tensor)) own.set(tensor, name);
  const tensors = [...own.keys()];
  const copies = [...tensors, ...batch].map(async (x, i): Promise<HostTensor> => {
    const { shape, dtype, requiresGrad } = x;
    return { data: await x.data(), shape, dtype, requiresGrad: requiresGrad && i < tensors.length };
  });
  const host = await Promise.all(copies);
  const parts = (...all: Tensor[]): Record<string, Tensor> => {
    const stand = new Map(tensors.map((tensor, i) => [tensor, all[i]]));
    const [x, ...targets] = all.slice(tensors.length);
    return withTensors(model, stand, () => {
      const data = loss(model.forward(x), ...targets);
      return { 'data loss': data, ...(regularization && { regularization: regularization(model) }) };
    });
  };
  const names = [...own.values(), ...batch.map((_, i) => (i === 0 ? 'input' : `target ${i - 1}`))];
  const fn = regularization ? parts : (...all: Tensor[]) => parts(...all)['data loss'];
  return checkGradients(fn, descend(parts, host, burnIn, burnInLr), { samples, ...options }, names);
}

/** Runs `work` while other tensors stand in the place of a model's own. */
function withTensors<T>(model: Module, stand: Map<Tensor, Tensor>, work: () => T): T {
  const undo: (() => void)[] = [];
  const replace = (module: Module): void => {
    const fields = module as unknown as Record<string, unknown>;
    for (const [name, value] of Object.entries(fields)) {
      if (!(value instanceof Tensor)) continue;
      fields[name] = stand.get(value);
      undo.push(() => {
        fields[name] = value;
      });
    }
    for (const [, child] of module.namedChildren()) replace(child);
  };
  try {
    replace(model);
    return work();
  } finally {
    for (const restore of undo) restore();
  }
}

/** The inputs after steps of gradient descent on the sum of the parts, on the CPU. */
function descend(parts: Parts, inputs: HostTensor[], steps: number, lr: number): HostTensor[] {
  if (steps === 0) return inputs;
  const state = randomState();
  const cpu = cpuDevice();
  try {
    return withDefaultDevice(cpu, () =>
      scope(() => {
        const tensors = inputs.map((x) => place(x, cpu));
        const wanted = tensors.filter((x) => x.requiresGrad);
        for (let i = 0; i < steps; i++) {
          scope(() => {
            const total = Object.values(parts(...tensors)).reduce(add);
            grad(total, wanted).forEach((g, k) => {
              if (!g) return;
              const slope = valuesOf(g);
              wanted[k].assign(valuesOf(wanted[k]).map((v, j) => v - lr * slope[j]));
            });
          });
        }
        return inputs.map((x, i) => ({ ...x, data: valuesOf(tensors[i]) }));
      }),
    );
  } finally {
    setRandomState(state);
  }
}
