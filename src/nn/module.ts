// Module: a function with parameters. Parameters, buffers and children are found among its own properties.
import { gradEnabled } from '../autograd/tape.ts';
import { ShapeError } from '../tensor/errors.ts';
import { repeated, watched } from '../tensor/live.ts';
import { keep } from '../tensor/scope.ts';
import { format, sameShape } from '../tensor/shape.ts';
import { type HostTensor, misfit } from '../tensor/state.ts';
import { Tensor } from '../tensor/tensor.ts';
import { between } from './backward-hook.ts';
import { copyInto } from './copy.ts';
import { Hooks } from './hooks.ts';

export type { HostTensor };

/** What loadStateDict() did not find in the state, and found there without having it. */
export interface LoadReport {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** What keeps a tensor from being copied into another, in words. */
function unlike(key: string, target: Tensor, values: Tensor): string | null {
  if (!sameShape(target.shape, values.shape))
    return `${key} is ${format(values.shape)}, expected ${format(target.shape)}`;
  const fits = values.dtype === target.dtype && values.device === target.device && !values.released;
  return fits ? null : `${key} is ${values}, expected ${target}`;
}

/** Makes a tensor a parameter: it requires gradients, and lives as long as its module. */
export function parameter(values: Tensor): Tensor {
  values.requiresGrad = true;
  return keep(values);
}

/** Makes a tensor a buffer: state without gradient, such as running statistics. */
export const buffer = (values: Tensor): Tensor => keep(values);

/** Called before a module runs, with its first input. */
export type ForwardPreHook = (module: Module, input: Tensor) => void;

/** Called after a module ran, with its first input and its output. */
export type ForwardHook = (module: Module, input: Tensor, output: Tensor) => void;

/**
 * Called in the backward pass, with the gradients by a module's first input, null where that takes none, and by its output. A
 * tensor that it returns takes the place of gradInput.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: most hooks return nothing
export type FullBackwardHook = (module: Module, gradInput: Tensor | null, gradOutput: Tensor) => Tensor | void;

/**
 * Base class of layers and models. A tensor that requires gradients, held in a property, is a parameter; another tensor
 * is a buffer; a module, or an array of modules, is a child.
 */
export abstract class Module {
  private inTraining = true;
  private readonly preHooks = new Hooks<ForwardPreHook>();
  private readonly hooks = new Hooks<ForwardHook>();
  private readonly backwardHooks = new Hooks<FullBackwardHook>();

  /** Whether layers such as dropout and batch norm behave as in training. Set it with train() and eval(). */
  get training(): boolean {
    return watched(this, () => this.inTraining);
  }

  set training(on: boolean) {
    repeated(this, () => {
      this.inTraining = on;
    });
  }

  /** What the module computes: what subclasses write. Users and other modules call it by `call`. */
  // biome-ignore lint/suspicious/noExplicitAny: subclasses say what they take beside x, such as a target
  abstract forward(x: Tensor, ...rest: any[]): Tensor;

  /** forward(), with the hooks around it. */
  call(...inputs: Parameters<this['forward']>): Tensor {
    const [x] = inputs;
    for (const hook of this.preHooks.all()) hook(this, x);
    const output = this.hooked(inputs as [Tensor, ...unknown[]]);
    for (const hook of this.hooks.all()) hook(this, x, output);
    return output;
  }

  /** Has `hook` called before each call of this module. Returns what removes it. */
  registerForwardPreHook(hook: ForwardPreHook): () => void {
    return this.preHooks.add(hook);
  }

  /**
   * Has `hook` called after each call of this module, such as to look at its output. Returns what removes it. Inside compile()
   * it is called while tracing, and what it computes is part of the trace.
   */
  registerForwardHook(hook: ForwardHook): () => void {
    return this.hooks.add(hook);
  }

  /**
   * Has `hook` called in the backward pass of each later call of this module, once the gradients by its first input and by its
   * output are known. They last until the pass is over. Returns what removes it. Inside compile() it is called while tracing, and
   * what it computes is part of the trace.
   */
  registerFullBackwardHook(hook: FullBackwardHook): () => void {
    return this.backwardHooks.add(hook);
  }

  /** forward(), with the backward hooks in its backward pass. */
  private hooked(inputs: [Tensor, ...unknown[]]): Tensor {
    const hooks = this.backwardHooks.all();
    if (hooks.length === 0 || !gradEnabled()) return this.forward(...inputs);
    const [x, ...rest] = inputs;
    // An input that is given twice, such as query and key, goes in as one.
    const forward = (entered: Tensor) => this.forward(entered, ...rest.map((input) => (input === x ? entered : input)));
    return between(x, forward, (gradInput, gradOutput) =>
      hooks.reduce((grad, hook) => hook(this, grad, gradOutput) ?? grad, gradInput),
    );
  }

  /** Child modules with the names of their properties. */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Module) yield [name, value];
      if (Array.isArray(value)) {
        for (const [i, item] of value.entries()) if (item instanceof Module) yield [`${name}.${i}`, item];
      }
    }
  }

  /** Child modules. */
  *children(): Generator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below, each once, with dotted names; its own is `prefix`. */
  *namedModules(prefix = '', seen = new Set<Module>()): Generator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren())
      yield* child.namedModules(prefix ? `${prefix}.${name}` : name, seen);
  }

  /** This module and all below, each once. */
  *modules(): Generator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** Calls `fn` with all modules below, then this one; such as to set initial values. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Parameters and buffers of this module alone. */
  *ownTensors(): Generator<[string, Tensor]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Tensor) yield [name, value];
  }

  /** Parameters and buffers of this module and all below, with dotted names. One that stands in two places comes twice. */
  *namedTensors(prefix = ''): Generator<[string, Tensor]> {
    for (const [name, value] of this.ownTensors()) yield [prefix + name, value];
    for (const [name, child] of this.namedChildren()) yield* child.namedTensors(`${prefix}${name}.`);
  }

  /** Tensors that require gradients, each once, with dotted names. */
  *namedParameters(): Generator<[string, Tensor]> {
    yield* this.once((tensor) => tensor.requiresGrad);
  }

  *parameters(): Generator<Tensor> {
    for (const [, tensor] of this.namedParameters()) yield tensor;
  }

  /** Tensors that do not require gradients, each once, with dotted names. */
  *namedBuffers(): Generator<[string, Tensor]> {
    yield* this.once((tensor) => !tensor.requiresGrad);
  }

  *buffers(): Generator<Tensor> {
    for (const [, tensor] of this.namedBuffers()) yield tensor;
  }

  private *once(wanted: (tensor: Tensor) => boolean): Generator<[string, Tensor]> {
    const seen = new Set<Tensor>();
    for (const [name, tensor] of this.namedTensors()) {
      if (wanted(tensor) && !seen.has(tensor)) yield [name, tensor];
      seen.add(tensor);
    }
  }

  /** Drops the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  /** All parameters and buffers by name: live tensors, not copies. */
  stateDict(): Record<string, Tensor> {
    return Object.fromEntries(this.namedTensors());
  }

  /**
   * Overwrites parameters and buffers by values of the host, as checkpoints hold them, or by tensors, such as those of another
   * model's stateDict(). Throws a ShapeError that names every key that is missing, unexpected or of another shape, before anything is
   * overwritten. With `strict: false` keys may be missing and unexpected: what fits is loaded, and the rest is returned.
   */
  loadStateDict(state: Record<string, HostTensor | Tensor>, { strict = true } = {}): LoadReport {
    const mine = this.stateDict();
    const missingKeys = Object.keys(mine).filter((key) => !Object.hasOwn(state, key));
    const unexpectedKeys = Object.keys(state).filter((key) => !Object.hasOwn(mine, key));
    const common = Object.keys(mine).filter((key) => Object.hasOwn(state, key));
    const problems = [
      ...(strict ? missingKeys.map((key) => `missing ${key}`) : []),
      ...(strict ? unexpectedKeys.map((key) => `unexpected ${key}`) : []),
      ...common.flatMap((key) => {
        const values = state[key];
        const problem =
          values instanceof Tensor ? unlike(key, mine[key], values) : misfit(key, mine[key].shape, values);
        return problem ?? [];
      }),
    ];
    if (problems.length > 0) throw new ShapeError(`loadStateDict: ${problems.join('; ')}`);
    for (const key of common) {
      const values = state[key];
      if (values instanceof Tensor) copyInto(mine[key], values);
      else mine[key].assign(values.data);
    }
    return { missingKeys, unexpectedKeys };
  }

  train(on = true): this {
    this.training = on;
    for (const child of this.children()) child.train(on);
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Releases all parameters and buffers. */
  dispose(): void {
    for (const [, tensor] of this.namedTensors()) tensor.dispose();
  }
}
