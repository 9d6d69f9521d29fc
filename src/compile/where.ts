// Which line of the user's code an error comes from, by its stack.

/** Frames to keep: model code may lie deep under the op that refuses. */
const DEPTH = 60;

/** `FILE:LINE:COLUMN` in a line of a stack, of V8 or of Firefox and Safari. */
const PLACE = /((?:[a-z-]+:\/\/|\/|[A-Za-z]:[\\/])[^\s()]*?):(\d+):\d+\)?$/;

const plain = (file: string) => file.replace(/^file:\/\//, '').replace(/\?.*$/, '');

function frames(stack: string): { file: string; line: string }[] {
  return stack.split('\n').flatMap((line) => {
    const found = PLACE.exec(line.trim());
    return found ? [{ file: plain(found[1]), line: found[2] }] : [];
  });
}

/** The folder that this package was loaded from; in a bundle the file that holds all of it. */
const home = (frames(new Error().stack ?? '')[0]?.file ?? '').replace(/compile[\\/]where\.[jt]s$/, '');

/** Makes errors with stacks deep enough for `userLine`. */
export function deepStacks<T>(fn: () => T): T {
  const holder = Error as { stackTraceLimit?: number };
  const before = holder.stackTraceLimit;
  holder.stackTraceLimit = DEPTH;
  try {
    return fn();
  } finally {
    holder.stackTraceLimit = before;
  }
}

/** `, at FILE:LINE` for the first frame outside this package; nothing where the stack does not tell. */
export function userLine({ stack = '' }: Error): string {
  const frame = home === '' ? undefined : frames(stack).find(({ file }) => !file.startsWith(home));
  return frame ? `, at ${frame.file}:${frame.line}` : '';
}
