// Which replays are under way on the device, as far as the host knows.

/** Replays that may be under way: enough to keep the device busy, few enough that the host does not run away from it. */
const MOST = 3;

/**
 * A replay is done when something behind it is: a read that came back, or a marker where nobody reads. Nothing is asked of
 * the device where reads tell enough, since in Node a pending promise of it keeps the thread busy.
 */
export class Flights {
  /** Asks the device to tell when all that was submitted so far is done. */
  private readonly mark: () => Promise<unknown>;
  private readonly fail: (error: Error) => void;
  /** The submits of replays that nothing has proven done yet, oldest first. */
  private submits: number[] = [];
  /** What will prove some of them done. */
  private readonly proofs = new Set<Promise<void>>();

  constructor(mark: () => Promise<unknown>, fail: (error: Error) => void) {
    this.mark = mark;
    this.fail = fail;
  }

  /** Notes that a submit held a replay. */
  begin(submit: number): void {
    this.submits.push(submit);
    // The last one is left to work on while the host learns that those before are done.
    if (this.submits.length === MOST - 1 && this.proofs.size === 0) this.prove(this.mark());
  }

  /** Takes all replays up to the last for done when the promise resolves. */
  prove(done: Promise<unknown>): Promise<void> {
    const last = this.submits.at(-1) ?? 0;
    const proof: Promise<void> = done
      .then(() => {
        this.submits = this.submits.filter((submit) => submit > last);
      })
      .catch(this.fail)
      .finally(() => this.proofs.delete(proof));
    this.proofs.add(proof);
    return proof;
  }

  /** What to wait for before the next replay; null where it may begin. */
  get full(): Promise<void> | null {
    if (this.submits.length < MOST) return null;
    return this.proofs.size > 0 ? Promise.race(this.proofs) : this.prove(this.mark());
  }

  /** Whether any are under way. */
  get any(): boolean {
    return this.submits.length > 0;
  }
}
