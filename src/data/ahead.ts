// Work done ahead: what comes next is made while the consumer is busy with what it has.

/** One item, begun as soon as the event loop has a turn for it, or when it is asked for. */
class Ahead<T> {
  private readonly timer: ReturnType<typeof setTimeout>;
  private readonly make: () => Promise<T>;
  private made: Promise<T> | null = null;

  constructor(make: () => Promise<T>) {
    this.make = make;
    // Not at once: the consumer first queues its own work on the device.
    this.timer = setTimeout(() => this.take().catch(() => {})); // whoever asks for it hears of a failure
  }

  take(): Promise<T> {
    clearTimeout(this.timer);
    this.made ??= this.make();
    return this.made;
  }

  /** Gives what was made to `discard`; what was not begun never is. */
  drop(discard: (item: T) => void): void {
    clearTimeout(this.timer);
    this.made?.then(discard, () => {});
  }
}

/**
 * Hands out what `next` makes, one call after the other, until that is null. Up to `depth` items are made ahead; those that
 * are never handed out go to `discard`.
 */
export async function* ahead<T>(
  next: () => Promise<T | null>,
  depth: number,
  discard: (item: T) => void,
): AsyncGenerator<T, void> {
  const waiting: Ahead<T | null>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = () => {
    const made = last.then(next);
    last = made;
    return made;
  };
  const fill = (count: number) => {
    while (waiting.length < count) waiting.push(new Ahead(inOrder));
  };
  try {
    for (;;) {
      fill(1);
      const item = await waiting.shift()!.take();
      if (item === null) return;
      fill(depth);
      yield item;
    }
  } finally {
    for (const item of waiting) item.drop((made) => made !== null && discard(made));
  }
}
