// What is wrong with data: one line that names the file and the row.

/** Data that cannot be trained on: the message is one line that names the file, the row, what was expected and what came. */
export class DataError extends Error {
  override name = 'DataError';
}
