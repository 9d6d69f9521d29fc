// What optimizers share: all parameters in one flat arena, so that a step is one update dispatch per kind of parameter.
import type { Op } from '../autograd/op.ts';
import { apply, noGrad } from '../autograd/tape.ts';
import { neg } from '../ops/elementwise.ts';
import type { UpdateAttrs } from '../ops/update.ts';
import { live } from '../tensor/live.ts';
import { scope } from '../tensor/scope.ts';
import { type HostTensor, loadState } from '../tensor/state.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { dropGradients, flattenGradients, ParameterArena, slice } from './arena.ts';
import { checkRange, withDefaults } from './check.ts';
import { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts';
import { groupsOf, type ParameterGroup, type Trained, valuesOf } from './groups.ts';
import { checkValues, type OptimizerValues } from './optimizer-state.ts';

/** Hyperparameters that every optimizer has. */
export interface Hyperparameters {
  lr: number;
  weightDecay: number;
  /** Whether parameters go up the gradient: -g takes the place of g in the formulas; weight decay shrinks as ever. Default false. */
  maximize: boolean;
}

/** How an optimizer moves the parameters of a group with hyperparameters H. */
export interface Method<H extends Hyperparameters> {
  name: string;
  defaults: H;
  /** Throws a RangeError where hyperparameters are out of range; lr and weightDecay are checked already. */
  check(settings: H): void;
  /** The row that updates (parameters, ...states) by gradients, the states by name, and what they begin with, if not 0. */
  update(settings: H): { op: Op; states: string[]; start?: number };
  attrs(settings: H): Omit<UpdateAttrs, 'step'>;
}

/** A run of neighbouring parameters: which, and where they lie in the arena of parameters and in the flat gradients. */
interface Run {
  parameters: number[];
  from: number;
  to: number;
  gradient: number;
}

/**
 * Base class of optimizers. Moves the parameters into one flat arena (the tensors stay the same, their memory moves) and
 * keeps one more per state, such as momentum. They live until dispose().
 *
 * Made for parameters, or for groups with hyperparameters of their own, where those of the second argument are the rest:
 * `new Adam([{ params: [w], lr: 0.1 }, { params: [b] }], { lr: 0.01 })`. Throws a RangeError for a hyperparameter out of
 * range, a TypeError for one that there is not, and a ShapeError for parameters that cannot be trained.
 */
export abstract class Optimizer<H extends Hyperparameters = Hyperparameters> {
  /** Hyperparameters may be set between steps; a compiled step heeds them. */
  readonly paramGroups: readonly ParameterGroup<H>[];
  private readonly method: Method<H>;
  private readonly arena: ParameterArena;
  private readonly states = new Map<string, Tensor>();
  /** The group of each parameter, and how often it was updated. */
  private readonly groups: number[];
  private readonly counts: number[];
  /** The states of each group; a group that begins without momentum has no memory for it. */
  private readonly stateNames: string[][];
  private stateViews: Record<string, Tensor> | null = null;

  constructor(method: Method<H>, given: Trained<H>, options: Partial<H>) {
    const { name, defaults } = method;
    this.method = method;
    this.paramGroups = groupsOf(name, given, withDefaults(name, defaults, options));
    for (const group of this.paramGroups) this.check(group);
    this.groups = this.paramGroups.flatMap(({ params }, g) => params.map(() => g));
    this.arena = new ParameterArena(
      name,
      this.paramGroups.flatMap(({ params }) => params),
    );
    this.counts = this.parameters.map(() => 0);
    const updates = this.paramGroups.map((group) => method.update(group));
    this.stateNames = updates.map(({ states }) => states);
    const start = (i: number) => updates[this.groups[i]].start ?? 0;
    for (const state of new Set(this.stateNames.flat())) this.states.set(state, this.arena.state(start));
  }

  /** The parameters, in the order in which they were given. */
  get parameters(): readonly Tensor[] {
    return this.arena.parameters;
  }

  /** Learning rate of the first group. Setting it sets that of all groups. */
  get lr(): number {
    return this.paramGroups[0].lr;
  }

  set lr(value: number) {
    for (const group of this.paramGroups) group.lr = value;
  }

  /**
   * Moves every parameter that has a gradient one step: one dispatch per run of neighbours that have a gradient, equal
   * hyperparameters and the same count of updates. The gradients are packed before, unless clipping did it, and lie in one
   * piece after. Throws a RangeError where hyperparameters were set out of range since.
   *
   * `unless`: a number on the device, float32 []; where it is not 0, parameters and states stay as they are, though the step
   * counts as one, as in the bias corrections of Adam. It is not read on the host. See GradScaler.
   */
  step(unless?: Tensor): void {
    const values = this.arena.values();
    const ready = this.parameters.filter((parameter) => parameter.grad);
    if (ready.length === 0) return;
    for (const group of this.paramGroups) this.check(group);
    noGrad(() =>
      scope(() => {
        const { flat } = flattenGradients(this.method.name, ready);
        for (const { parameters, from, to, gradient } of this.runs()) {
          const { op, states } = this.updateOf(parameters[0]);
          const arenas = [values, ...states.map((name) => this.states.get(name)!)];
          const { maximize } = this.groupOf(parameters[0]);
          const gradients = slice(flat, gradient, gradient + to - from);
          const attrs = live(
            () => this.attrsOf(parameters),
            () =>
              this.updateOf(parameters[0]).op === op &&
              this.groupOf(parameters[0]).maximize === maximize &&
              parameters.every((i, k) => k === 0 || this.alike(i, parameters[k - 1])),
          );
          apply(
            op,
            [
              ...arenas.map((arena) => slice(arena, from, to)),
              maximize ? neg(gradients) : gradients,
              ...(unless ? [unless] : []),
            ],
            attrs,
          );
        }
      }),
    );
  }

  /** Drops all gradients. */
  zeroGrad(): void {
    dropGradients(this.parameters);
  }

  /** `optim.clipGradNorm` of all parameters, for use between backward() and step(). Returns the norm before. */
  clipGradNorm(maxNorm: number, options: ClipNormOptions = {}): Tensor {
    return clipGradNorm(this.parameters, maxNorm, options);
  }

  /** `optim.clipGradValue` of all parameters, for use between backward() and step(). */
  clipGradValue(limit: number): void {
    clipGradValue(this.parameters, limit);
  }

  /**
   * What a checkpoint needs beside the parameters: states such as momentum by name, `0.expAvg` for that of the first
   * parameter (live tensors, not copies), and hyperparameters and counts of updates as plain JSON.
   */
  stateDict(): { tensors: Record<string, Tensor>; values: OptimizerValues } {
    const values = {
      optimizer: this.method.name,
      groups: this.paramGroups.map(valuesOf),
      steps: [...this.counts],
    };
    return { tensors: { ...this.stateTensors() }, values };
  }

  /**
   * Takes up the states, hyperparameters and counts of a stateDict(), with its tensors read to the host: training goes on
   * to the bit as it would have. Throws a TypeError for values of another optimizer or of other groups, and a ShapeError that
   * names every tensor that is missing, unexpected or of another shape, before anything is changed.
   */
  loadStateDict({ tensors, values }: { tensors: Record<string, HostTensor>; values: unknown }): void {
    const owner = `${this.method.name}.loadStateDict`;
    const mine = this.stateTensors();
    const { groups, steps } = checkValues(owner, this.stateDict().values, values);
    const settings = groups.map(({ params: _, ...rest }) => rest as unknown as H);
    settings.forEach((own, g) => {
      this.checkSettings(own, g);
    });
    loadState(owner, mine, tensors);
    settings.forEach((own, g) => {
      Object.assign(this.paramGroups[g], structuredClone(own));
    });
    this.counts.splice(0, this.counts.length, ...steps);
  }

  /** Releases the arenas of states. The parameters keep their memory. */
  dispose(): void {
    this.arena.dispose();
    for (const state of this.states.values()) state.dispose();
    for (const view of Object.values(this.stateViews ?? {})) view.dispose();
  }

  private stateTensors(): Record<string, Tensor> {
    if (!this.stateViews) {
      const named: [string, Tensor][] = [];
      for (const [name, state] of this.states) {
        this.arena.views(state).forEach((view, i) => {
          if (this.stateNames[this.groups[i]].includes(name)) named.push([`${i}.${name}`, view]);
          else view.dispose();
        });
      }
      this.stateViews = Object.fromEntries(named);
    }
    return this.stateViews;
  }

  private check(group: ParameterGroup<H>): void {
    this.checkSettings(group, this.paramGroups.indexOf(group));
  }

  private checkSettings(settings: H, group: number): void {
    const { name } = this.method;
    checkRange(name, { lr: settings.lr, weightDecay: settings.weightDecay }, 0, Number.POSITIVE_INFINITY);
    this.method.check(settings);
    const names = this.stateNames?.[group]; // none yet while it is being made
    const missing = names && this.method.update(settings).states.find((state) => !names.includes(state));
    if (missing) {
      throw new RangeError(
        `${name}: group ${group} was made without ${missing}; make it with the option that needs it`,
      );
    }
  }

  private groupOf(i: number): ParameterGroup<H> {
    return this.paramGroups[this.groups[i]];
  }

  /** How parameter i is updated. */
  private updateOf(i: number) {
    return this.method.update(this.groupOf(i));
  }

  /** Counts an update of these parameters, which are alike, and tells its attributes. */
  private attrsOf(parameters: number[]): UpdateAttrs {
    const [first] = parameters;
    const group = this.groupOf(first);
    this.check(group);
    for (const i of parameters) this.counts[i]++;
    return { ...this.method.attrs(group), step: this.counts[first] };
  }

  /** Whether two parameters are updated alike. */
  private alike(i: number, j: number): boolean {
    if (this.counts[i] !== this.counts[j]) return false;
    if (this.groups[i] === this.groups[j]) return true;
    const [a, b] = [i, j].map((k) => {
      const group = this.groupOf(k);
      return Object.entries({ ...this.method.attrs(group), maximize: group.maximize });
    });
    return this.updateOf(i).op === this.updateOf(j).op && a.every(([, value], k) => value === b[k][1]);
  }

  /** Ranges over neighbouring parameters that have a gradient and are updated alike. */
  private runs(): Run[] {
    const { arena } = this;
    const runs: Run[] = [];
    let gradient = 0;
    this.parameters.forEach((parameter, i) => {
      if (!parameter.grad) return;
      const [from, to] = [arena.offsets[i], arena.offsets[i + 1]];
      const last = runs.at(-1);
      if (last && last.to === from && this.alike(i, i - 1)) {
        last.to = to;
        last.parameters.push(i);
      } else {
        runs.push({ parameters: [i], from, to, gradient });
      }
      gradient += to - from;
    });
    return runs;
  }
}
