// Files in a web page, through the import `#files`: there are none, and this says what to do instead. As in files.node.ts.

function none(): never {
  throw new Error(
    'a page has no files: keep the bytes of encodeCheckpoint(training), and give them to fit as `resume`',
  );
}

export const join: (...parts: string[]) => string = none;
export const makeFolder = async (_path: string): Promise<void> => none();
export const readBytes = async (_path: string): Promise<Uint8Array> => none();
export const writeWhole = async (_path: string, _content: string | Uint8Array): Promise<void> => none();
