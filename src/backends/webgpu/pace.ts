// Guesses when queued work will be done, for hosts where waiting for a GPU promise keeps the thread busy.

/** Share of the guess that is slept through; the rest is left to the promise, so that a guess too long corrects itself. */
const SLEPT = 0.8;
/** Weight of the latest observation in the running mean. */
const FRESH = 0.3;
/** Milliseconds within which a promise counts as kept already. */
const AT_ONCE = 0.5;
/** Kinds of stretches that are remembered. */
const MAX_KINDS = 256;

/** The work between two reads. */
export interface Stretch {
  /** A hash of its dispatches: the same work again has the same kind. */
  kind: number;
  /** Milliseconds it took before, 0 where that is not known. */
  expected: number;
}

/**
 * Dawn in Node polls from the event loop as long as a promise of it is pending: a thread at full load, which a software
 * adapter needs for its work. A loop gives the device the same work again and again, so a read first sleeps through most
 * of the time that this very work took before. Before work that is new it does not sleep, nor before that of a second time:
 * the first may have waited for shaders to compile.
 */
export class Pace {
  private kind = 0;
  private readonly underWay: Stretch[] = [];
  /** When the first stretch under way began, in ms. */
  private since = 0;
  /** Running means of what came back more than once; 0 for what came back once. */
  private readonly means = new Map<number, number>();

  /** Notes a dispatch: its pipeline and workgroups, as one number. */
  dispatch(hash: number): void {
    this.kind = (Math.imul(this.kind, 31) + hash) | 0;
  }

  /** Ends a stretch at a read. */
  read(now: number): Stretch {
    if (this.underWay.length === 0) this.since = now;
    const stretch = { kind: this.kind, expected: this.means.get(this.kind) ?? 0 };
    this.kind = 0;
    this.underWay.push(stretch);
    return stretch;
  }

  /** Milliseconds to sleep before it is worth asking for the read that ended the stretch. */
  sleep(stretch: Stretch, now: number): number {
    const before = this.underWay.slice(0, this.underWay.indexOf(stretch) + 1);
    const expected = before.reduce((total, item) => total + item.expected, this.since);
    return Math.max(0, SLEPT * (expected - now));
  }

  /** Notes that the read came back, and when it had been asked for: at once means that the guess was too long. */
  finish(stretch: Stretch, asked: number, now: number): void {
    const at = this.underWay.indexOf(stretch);
    if (at < 0) return;
    if (at === 0) {
      const observed = now - this.since;
      const { expected } = stretch;
      const late = now - asked < AT_ONCE;
      const known = expected === 0 ? observed : late ? expected / 2 : (1 - FRESH) * expected + FRESH * observed;
      const mean = this.means.has(stretch.kind) ? known : 0;
      if (this.means.size >= MAX_KINDS) this.means.clear();
      this.means.set(stretch.kind, mean);
    }
    this.underWay.splice(0, at + 1);
    this.since = now;
  }
}
