// Modules that hold others.
import { ShapeError } from '../tensor/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Module } from './module.ts';

function checkModules(container: string, modules: Iterable<unknown>): void {
  for (const module of modules) {
    if (!(module instanceof Module)) throw new ShapeError(`${container}: expected modules, got ${describe(module)}`);
  }
}

const describe = (value: unknown) =>
  typeof value === 'function' ? `${value.name || 'a function'}; make it new` : value;

/** Modules one after the other. Parameter names begin with the position: `0.weight`. */
export class Sequential extends Module {
  readonly layers: Module[];

  constructor(...layers: Module[]) {
    super();
    checkModules('Sequential', layers);
    this.layers = layers;
  }

  override *namedChildren(): Generator<[string, Module]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.call(value), x);
  }
}

/** A list of modules, for a module that calls them itself. Parameter names begin with the position. */
export class ModuleList<M extends Module = Module> extends Module {
  private readonly items: M[];

  constructor(modules: Iterable<M> = []) {
    super();
    this.items = [...modules];
    checkModules('ModuleList', this.items);
  }

  get length(): number {
    return this.items.length;
  }

  /** The module at a position; negative ones count from the end. */
  at(index: number): M {
    const module = this.items.at(index);
    if (!module) throw new RangeError(`ModuleList: expected an index below ${this.length}, got ${index}`);
    return module;
  }

  push(...modules: M[]): void {
    checkModules('ModuleList', modules);
    this.items.push(...modules);
  }

  [Symbol.iterator](): Iterator<M> {
    return this.items[Symbol.iterator]();
  }

  override *namedChildren(): Generator<[string, Module]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item];
  }

  override forward(_x: Tensor): never {
    throw new Error('ModuleList: expected its modules to be called, got a call of the list');
  }
}

/** Modules by name, for a module that calls them itself. Parameter names begin with that name. */
export class ModuleDict<M extends Module = Module> extends Module {
  private readonly items: Map<string, M>;

  constructor(modules: Record<string, M> = {}) {
    super();
    checkModules('ModuleDict', Object.values(modules));
    this.items = new Map(Object.entries(modules));
  }

  /** The module of a name. Throws a RangeError where there is none. */
  get(name: string): M {
    const module = this.items.get(name);
    if (!module) throw new RangeError(`ModuleDict: expected ${[...this.items.keys()].join(', ')}, got ${name}`);
    return module;
  }

  has(name: string): boolean {
    return this.items.has(name);
  }

  set(name: string, module: M): void {
    checkModules('ModuleDict', [module]);
    this.items.set(name, module);
  }

  override *namedChildren(): Generator<[string, Module]> {
    yield* this.items;
  }

  override forward(_x: Tensor): never {
    throw new Error('ModuleDict: expected its modules to be called, got a call of the dict');
  }
}
