// What the command says when something goes wrong: one line for what the user can mend.
import { DeviceError, ShaderError } from '../tensor/errors.ts';

/** Something that the user can mend; the message says how. */
export class UserError extends Error {}

/** Says of an error that the user can mend it. */
export function asUserError(error: Error): never {
  throw error instanceof UserError ? error : new UserError(error.message, { cause: error });
}

/** A message on one line: list items are joined by semicolons. */
export function oneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim().replace(/^- /, ''));
  return lines
    .filter(Boolean)
    .reduce((joined, line) => joined + (joined.endsWith(':') || line.startsWith('(') ? ' ' : '; ') + line);
}

/** Writes an error to stderr; its stack where asked for. */
export function complain(error: unknown, verbose: boolean): void {
  const mendable = error instanceof UserError || (error instanceof DeviceError && !(error instanceof ShaderError));
  if (verbose && error instanceof Error) {
    console.error(error.stack);
    if (error.cause) console.error('caused by', error.cause instanceof Error ? error.cause.stack : error.cause);
  } else if (mendable) console.error(`error: ${oneLine(error.message)}`);
  else console.error(`unexpected error: ${error}\n(run again with --verbose to see where it came from)`);
}
