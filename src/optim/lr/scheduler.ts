// What schedulers share: counts, the chain of all schedulers of an optimizer, and state.
import { refuseInTrace } from '../../tensor/live.ts';

/** What schedulers set of a parameter group. Momentum is betas[0] for Adam, and null where there is none. */
export interface Setting {
  lr: number;
  momentum: number | null;
}

/** A setting after `count` steps, out of what it would be without this scheduler; what it leaves out stays. */
export type Rule = (without: Setting, count: number, group: number) => Partial<Setting>;

/** The part of a parameter group that schedulers know. */
interface Group {
  lr: number;
  momentum?: number;
  betas?: readonly number[];
}

/** What a scheduler works on: any optimizer. */
export interface Scheduled {
  readonly paramGroups: readonly Group[];
}

/** State of a scheduler, as plain JSON. */
export interface SchedulerState {
  scheduler: string;
  count: number;
  /** What the optimizer's groups were set to before any scheduler. */
  base: Setting[];
  [own: string]: unknown;
}

const settingOf = ({ lr, momentum, betas }: Group): Setting => ({ lr, momentum: momentum ?? betas?.[0] ?? null });

/** The schedulers of one optimizer: each works on what those before it have set. */
interface Chain {
  base: Setting[];
  members: Scheduler[];
}

const chains = new WeakMap<Scheduled, Chain>();

function chainOf(optimizer: Scheduled): Chain {
  const found = chains.get(optimizer) ?? { base: optimizer.paramGroups.map(settingOf), members: [] };
  chains.set(optimizer, found);
  return found;
}

/** Throws a TypeError where a group of an optimizer has no momentum to set. */
export function needMomentum(owner: string, optimizer: Scheduled): void {
  const without = optimizer.paramGroups.findIndex((group) => !settingOf(group).momentum);
  if (without >= 0) throw new TypeError(`${owner}: expected an optimizer with momentum, group ${without} has none`);
}

/**
 * Base class of schedulers. Each is made for an optimizer, which it sets at once, and then with every step(): call that once
 * per epoch or once per optimizer step, as its options count. The learning rate is a function of the count of steps and of what
 * the optimizer was made with, so that it comes back exactly with `loadStateDict`.
 *
 * Several schedulers of one optimizer chain: each, in the order in which they were made, works on what those before it give,
 * whoever is stepped. A learning rate that is set by hand holds until the next step of a scheduler.
 */
export abstract class Scheduler {
  readonly optimizer: Scheduled;
  /** @internal The setting by formula. */
  readonly rule: Rule;
  private readonly name: string;
  private steps = 0;
  /** @internal The scheduler that steps this one, if any. */
  parent: Scheduler | null = null;

  constructor(name: string, optimizer: Scheduled, rule: Rule) {
    this.name = name;
    this.optimizer = optimizer;
    this.rule = rule;
    chainOf(optimizer).members.push(this);
    this.apply();
  }

  /** Steps so far. */
  get count(): number {
    return this.steps;
  }

  /** The learning rate of each parameter group, as it was last set. */
  get lastLr(): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** Goes one step on, and sets the optimizer. Throws inside of compile(), where it would happen once. */
  step(_metric?: number): void {
    refuseInTrace(`${this.name}.step()`);
    if (this.parent) throw new Error(`${this.name}: is part of a ${this.parent.name}; step that instead`);
    this.advance(this.steps + 1);
    this.steps++;
    this.apply();
  }

  /** Everything that a checkpoint needs, as plain JSON. Options are those of the constructor and not part of it. */
  stateDict(): SchedulerState {
    const { base } = chainOf(this.optimizer);
    return { scheduler: this.name, count: this.steps, base: structuredClone(base), ...this.ownState() };
  }

  /** Takes up a stateDict() and sets the optimizer. Throws a TypeError for the state of another scheduler or optimizer. */
  loadStateDict(state: SchedulerState): void {
    const { scheduler, count, base, ...own } = state ?? {};
    const groups = this.optimizer.paramGroups.length;
    if (scheduler !== this.name) {
      throw new TypeError(`${this.name}.loadStateDict: expected the state of ${this.name}, got that of ${scheduler}`);
    }
    if (!Number.isSafeInteger(count) || count < 0) {
      throw new TypeError(`${this.name}.loadStateDict: expected a count of steps, got ${count}`);
    }
    if (!Array.isArray(base) || base.length !== groups) {
      throw new TypeError(`${this.name}.loadStateDict: expected ${groups} groups, got ${base?.length ?? 'none'}`);
    }
    this.loadOwnState(own);
    this.steps = count;
    chainOf(this.optimizer).base = structuredClone(base);
    this.apply();
  }

  /** What happens before a step is counted; may throw. */
  protected advance(_count: number): void {}

  /** State beside the count. */
  protected ownState(): Record<string, unknown> {
    return {};
  }

  protected loadOwnState(_state: Record<string, unknown>): void {}

  /** Takes schedulers out of the chain, for this one to step. It must be the last of the chain. */
  protected adopt(children: readonly Scheduler[]): void {
    const chain = chainOf(this.optimizer);
    chain.members = chain.members.filter((member) => !children.includes(member));
    for (const child of children) child.parent = this;
    this.apply();
  }

  /** Sets the optimizer to what the whole chain gives. */
  private apply(): void {
    const { base, members } = chainOf(this.optimizer);
    this.optimizer.paramGroups.forEach((group, i) => {
      const set: Partial<Setting> = {};
      for (const { rule, count } of members) Object.assign(set, rule({ ...base[i], ...set }, count, i));
      if (set.lr !== undefined) group.lr = set.lr;
      if (set.momentum === undefined || set.momentum === null) return;
      if (group.betas) group.betas = [set.momentum, ...group.betas.slice(1)];
      else group.momentum = set.momentum;
    });
  }
}
