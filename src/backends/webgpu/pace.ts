// Guesses when queued work will be done, for hosts where waiting for a GPU promise keeps the thread busy.

/** Share of the guess that is slept through; the rest is left to the promise, so that a guess too long corrects itself. */
const SLEPT = 0.8;
/** Weight of the latest observation in the running mean. */
const FRESH = 0.3;

/**
 * Dawn in Node polls from the event loop as long as a promise of it is pending: a thread at full load, which a software
 * adapter needs for its work. So a read first sleeps through most of the time that the work before it will take, by the
 * mean time per dispatch so far.
 */
export class Pace {
  /** Dispatches done when the last read came back, and when that was (or when work began again after a pause). */
  private done = 0;
  private since = 0;
  private submitted = 0;
  private perDispatch = 0;

  /** Notes that work was handed to the device, `dispatches` in all so far. */
  submit(dispatches: number, now: number): void {
    if (this.submitted <= this.done) this.since = now;
    this.submitted = dispatches;
  }

  /** Milliseconds to sleep before it is worth asking for a read behind `dispatches`. */
  sleep(dispatches: number, now: number): number {
    const expected = this.since + (dispatches - this.done) * this.perDispatch;
    return Math.max(0, SLEPT * (expected - now));
  }

  /** Notes that the read behind `dispatches` came back. */
  finish(dispatches: number, now: number): void {
    if (dispatches <= this.done) return;
    const observed = (now - this.since) / (dispatches - this.done);
    this.perDispatch = this.perDispatch === 0 ? observed : (1 - FRESH) * this.perDispatch + FRESH * observed;
    this.done = dispatches;
    this.since = now;
  }
}
