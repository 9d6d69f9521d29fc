// Keeps what the tuner found in the browser's IndexedDB, which pages and workers share.
import type { TextStore } from './tune-store.ts';

const TABLE = 'tuning';

const result = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Runs `work` on the table, and closes the database again. Rejects where the browser keeps nothing, as in some private windows. */
async function withTable<T>(mode: IDBTransactionMode, work: (table: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opening = indexedDB.open('downhill', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE);
  const database = await result(opening);
  try {
    return await result(work(database.transaction(TABLE, mode).objectStore(TABLE)));
  } finally {
    database.close();
  }
}

export const tuningStore: TextStore = {
  async read(key) {
    const text = await withTable<unknown>('readonly', (table) => table.get(key));
    return typeof text === 'string' ? text : null;
  },
  async write(key, text) {
    await withTable('readwrite', (table) => table.put(text, key));
  },
};
