// What --out names: written whole, or one line that says why it cannot be.
import { writeWhole } from '../io/files.node.ts';
import { UserError } from './errors.ts';

/** The error for what --out names where it cannot be written. */
export const outError = (path: string, error: unknown): UserError =>
  new UserError(`--out: cannot write ${path} (${(error as Error).message})`);

/** Writes a file whole or not at all. Throws a UserError where it cannot. */
export const writeOut = (path: string, content: string | Uint8Array): Promise<void> =>
  writeWhole(path, content).catch((error) => {
    throw outError(path, error);
  });
