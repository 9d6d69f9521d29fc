// MNIST in the page: fetches the four files, tells how far it is, unpacks them.
import { MNIST_FILES, type Mnist, mnistFrom } from 'downhill';

type FileKey = keyof typeof MNIST_FILES;

/** The page's own server brings the files. `progress` gets bytes received and bytes in all, both compressed. */
export async function fetchMnist(progress: (received: number, total: number) => void): Promise<Mnist> {
  const keys = Object.keys(MNIST_FILES) as FileKey[];
  let received = 0;
  let total = 0;
  const responses = await Promise.all(
    keys.map(async (key) => {
      const response = await fetch(new URL(`mnist/${MNIST_FILES[key]}.gz`, document.baseURI));
      if (!response.ok || !response.body) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
      return { key, body: response.body, size: Number(response.headers.get('content-length')) };
    }),
  );
  for (const { size } of responses) total += size;
  const files = await Promise.all(
    responses.map(async ({ key, body }) => {
      const counter = new TransformStream<BufferSource, BufferSource>({
        transform(chunk, controller) {
          received += chunk.byteLength;
          progress(received, total);
          controller.enqueue(chunk);
        },
      });
      return [key, await unpacked(await new Response(body.pipeThrough(counter)).arrayBuffer())] as const;
    }),
  );
  return mnistFrom(Object.fromEntries(files) as Record<FileKey, Uint8Array>);
}

/** The bytes, unzipped unless the browser has done it: some servers label .gz files as an encoding. */
async function unpacked(bytes: ArrayBuffer): Promise<Uint8Array> {
  const magic = new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength));
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return new Uint8Array(bytes);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
