// Ctrl-C: the first one asks the work to stop where it can be kept, the next one ends the process.

/** `npm run` passes a Ctrl-C on to a process that has had it from the terminal already. */
const SAME_MS = 500;

/** The exit code of work that Ctrl-C ended. */
export const INTERRUPTED = 130;

export interface Interrupt {
  signal: AbortSignal;
  /** Gives Ctrl-C its usual meaning back. */
  release(): void;
}

/** `onFirst` runs at the first Ctrl-C. The next has its usual meaning, so that it works in the midst of a long step. */
export function onInterrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  const release = () => {
    process.off('SIGINT', handle);
  };
  const handle = () => {
    if (controller.signal.aborted) return;
    controller.abort();
    setTimeout(release, SAME_MS).unref();
    onFirst();
  };
  process.on('SIGINT', handle);
  return { signal: controller.signal, release };
}
