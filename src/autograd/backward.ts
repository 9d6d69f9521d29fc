// The backward pass: walks the tape from the last op to the first, and the gradients that come of it.
import { ShapeError } from '../tensor/errors.ts';
import { currentScope, moveTo, scope } from '../tensor/scope.ts';
import { format, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { autocast } from './autocast.ts';
import { opNamed } from './op.ts';
import { apply, commonDevice, gradEnabled, type Node, watcher, withRecording } from './tape.ts';

export interface BackwardOptions {
  /** Record the backward pass itself, so that its results can be differentiated again. */
  createGraph?: boolean;
}

/**
 * The gradients of `roots`, weighted by `seeds`, for every tensor they reach that wants one and is `wanted`. Does not look
 * behind the tensors in `stop`. Unless the graph is kept, gradients on the way are released as soon as they are used.
 */
function differentiate(
  roots: Tensor[],
  seeds: Tensor[],
  wanted: (x: Tensor) => boolean,
  keepGraph: boolean,
  stop?: Tensor[],
): Map<Tensor, Tensor> {
  const mine = currentScope();
  const grads = new Map<Tensor, Tensor>();
  const results = new Map<Tensor, Tensor>();
  // How many entries of `grads` and `results` are this very tensor: a vjp may hand on what it was given.
  const holders = new Map<Tensor, number>();
  const hold = (g: Tensor, change: number) => {
    const count = (holders.get(g) ?? 0) + change;
    holders.set(g, count);
    if (count === 0 && !keepGraph && g.scope === mine) g.dispose();
  };
  const add = (x: Tensor, g: Tensor) => {
    if (!sameShape(x.shape, g.shape)) {
      throw new ShapeError(`backward: gradient ${format(g.shape)} for a tensor ${format(x.shape)} made by ${x.madeBy}`);
    }
    const before = grads.get(x);
    const total = before ? apply(opNamed('add'), [before, g], {})[0] : g;
    hold(g, 1);
    hold(total, 1);
    hold(g, -1);
    grads.set(x, total);
    if (before) hold(before, -1);
  };
  roots.forEach((root, i) => {
    add(root, seeds[i]);
  });
  for (const node of nodesBehind(roots, stop)) {
    const incoming = node.outputs.map((out) => grads.get(out) ?? null);
    node.outputs.forEach((out, i) => {
      const g = incoming[i];
      if (g && wanted(out)) {
        hold(g, 1);
        results.set(out, g);
      }
      grads.delete(out);
    });
    if (incoming.every((g) => g === null)) continue;
    checkVersions(node);
    const outgoing = keepGraph ? vjpOf(node, incoming) : scope(() => vjpOf(node, incoming));
    node.inputs.forEach((x, i) => {
      const g = outgoing[i];
      if (g && node.needs[i]) add(x, g);
    });
    for (const g of incoming) if (g) hold(g, -1);
  }
  for (const [x, g] of grads) if (wanted(x)) results.set(x, g);
  return results;
}

function vjpOf(node: Node, incoming: (Tensor | null)[]): (Tensor | null)[] {
  const { op } = node;
  const run = () => ('view' in op ? [op.vjp(incoming[0]!, node)] : op.vjp!(incoming, node));
  return watcher ? watcher.backward(node, run) : run();
}

/** The recorded calls that the roots depend on, latest first, not looking behind the tensors in `stop`. */
function nodesBehind(roots: Tensor[], stop: Tensor[] = []): Node[] {
  const seen = new Set<Node>();
  const stack = roots.map((root) => root.history as Node | null);
  while (stack.length > 0) {
    const node = stack.pop();
    if (!node || seen.has(node)) continue;
    seen.add(node);
    for (const x of node.inputs) if (!stop.includes(x)) stack.push(x.history as Node | null);
  }
  return [...seen].sort((a, b) => b.id - a.id);
}

function checkVersions(node: Node): void {
  [...node.inputs, ...node.outputs].forEach((t, i) => {
    if (t.view(`backward of ${node.op.name}`).storage.version !== node.versions[i]) {
      throw new ShapeError(
        `backward of ${node.op.name}: tensor ${format(t.shape)} made by ${t.madeBy} was updated in place since the forward pass`,
      );
    }
  });
}

function seedFor(op: string, root: Tensor, gradient?: Tensor): Tensor {
  if (!root.requiresGrad) throw new ShapeError(`${op}: tensor ${format(root.shape)} does not require gradients`);
  if (gradient) {
    if (!sameShape(gradient.shape, root.shape)) {
      throw new ShapeError(`${op}: expected a gradient ${format(root.shape)}, got ${format(gradient.shape)}`);
    }
    if (gradient.dtype !== root.dtype) {
      throw new ShapeError(`${op}: expected a ${root.dtype} gradient, got ${gradient.dtype}`);
    }
    commonDevice(op, [root, gradient]);
    gradient.view(op); // throws where it is released
    return gradient;
  }
  if (root.size !== 1) throw new ShapeError(`${op}: expected a scalar, got ${format(root.shape)}; pass the gradient`);
  return apply(opNamed('onesLike'), [root.detach()], {})[0];
}

/**
 * Adds d root / d leaf, times `gradient` (default 1 for a scalar), to the `grad` of every leaf that requires it, and of every
 * tensor that retainGrad() was asked of. A gradient lives as long as its tensor, or until zeroGrad.
 */
export function backward(root: Tensor, gradient?: Tensor, { createGraph = false }: BackwardOptions = {}): void {
  const wanted = (x: Tensor) => x.requiresGrad && (x.isLeaf || x.retainsGrad);
  const run = () => {
    const seed = seedFor('backward', root, gradient);
    // Memory that is somebody's already: leaves must not share theirs with each other or with the caller.
    const taken = new Set([gradient?.view('backward').storage]);
    const own = (g: Tensor): Tensor => {
      if (createGraph) return g;
      const { storage } = g.view('backward');
      if (taken.has(storage)) return apply(opNamed('contiguous'), [g], {})[0];
      taken.add(storage);
      return g.alias('backward');
    };
    for (const [leaf, g] of differentiate([root], [seed], wanted, createGraph)) {
      // What a compiled function left here went with its call.
      const before = leaf.grad?.released ? null : leaf.grad;
      leaf.grad = before ? apply(opNamed('add'), [before, g], {})[0] : own(g);
      if (!createGraph) before?.dispose();
      moveTo(leaf.grad, leaf.scope);
    }
  };
  passing(createGraph, run);
}

/** Runs a backward pass. */
function passing<T>(createGraph: boolean, run: () => T): T {
  const recorded = () => withRecording(createGraph, () => (createGraph ? run() : scope(run)));
  // Gradients have the types of what they belong to.
  const pass = () => autocast(recorded, { enabled: false });
  return watcher ? watcher.backward(null, pass) : pass();
}

/** The gradients of `outputs` (summed) with respect to each of `inputs`, without touching any `grad`. */
export function grad(
  outputs: Tensor | Tensor[],
  inputs: Tensor[],
  { createGraph = false, gradients }: BackwardOptions & { gradients?: Tensor[] } = {},
): (Tensor | null)[] {
  const roots = Array.isArray(outputs) ? outputs : [outputs];
  const run = () => {
    const seeds = roots.map((root, i) => seedFor('grad', root, gradients?.[i]));
    const results = differentiate(roots, seeds, (x) => inputs.includes(x), createGraph);
    return inputs.map((x) => {
      const g = results.get(x);
      return g ? (createGraph ? g : g.alias('grad')) : null;
    });
  };
  return passing(createGraph, run);
}

/**
 * The vjp of a fused op by way of its formula in ops: runs `formula` on the inputs, recorded, and differentiates it.
 * What a fused backward kernel calls in its own vjp, so that derivatives of any order exist without further kernels.
 */
export function throughOps(
  inputs: Tensor[],
  formula: (...inputs: Tensor[]) => Tensor[],
  gradients: (Tensor | null)[],
): (Tensor | null)[] {
  const createGraph = gradEnabled();
  return withRecording(true, () => {
    const flags = inputs.map((x) => x.requiresGrad);
    for (const x of inputs) x.requiresGrad = true;
    try {
      const outputs = formula(...inputs);
      const used = outputs.filter((_, i) => gradients[i]);
      const seeds = gradients.filter((g) => g !== null);
      const results = withRecording(createGraph, () =>
        differentiate(used, seeds, (x) => inputs.includes(x), createGraph, inputs),
      );
      return inputs.map((x) => results.get(x) ?? null);
    } finally {
      inputs.forEach((x, i) => {
        x.requiresGrad = flags[i];
      });
    }
  });
}
