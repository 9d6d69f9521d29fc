// PNG files as planes of pixels (Node only, as the core has no npm dependency).
import { convertIndexedToRgb, type DecodedPng, decode } from 'fast-png';
import { DataError } from './error.ts';
import { whiteOf } from './images.ts';

/** Pixels of one image, [C, H, W]: bytes, or words where the file has 16 bits. C: gray 1, gray and alpha 2, RGB 3, RGBA 4. */
export interface Picture {
  data: Uint8Array | Uint16Array;
  shape: [C: number, H: number, W: number];
}

/** Decodes a PNG of any color type and depth. Throws a DataError that names the file. */
export function decodePng(bytes: Uint8Array, file: string): Picture {
  let image: DecodedPng;
  try {
    // A copy: a Node Buffer may lie among others, which a truncated file must not run into.
    image = decode(Uint8Array.from(bytes), { checkCrc: true });
  } catch (error) {
    const { cause } = error as Error;
    const { message } = cause instanceof Error ? cause : (error as Error);
    // A range that is out of bounds is one of bytes that are not there.
    const ends = error instanceof RangeError || cause instanceof RangeError;
    throw new DataError(`${file}: not a whole PNG file (${ends ? 'truncated' : message})`);
  }
  const { width: W, height: H, palette } = image;
  const data = palette ? convertIndexedToRgb(image) : image.depth < 8 ? unpackBits(image) : image.data;
  const C = palette ? palette[0].length : image.channels;
  if (H * W === 0 || data.length !== C * H * W) {
    throw new DataError(`${file}: expected ${C * H * W} values for ${W} by ${H} pixels, got ${data.length}`);
  }
  const out = data instanceof Uint16Array ? new Uint16Array(data.length) : new Uint8Array(data.length);
  for (let i = 0, at = 0; i < H * W; i++) for (let c = 0; c < C; c++) out[c * H * W + i] = data[at++];
  return { data: out, shape: [C, H, W] };
}

/** Gray of 1, 2 or 4 bits, whose lines begin at whole bytes, on the scale to 255. */
function unpackBits({ data, depth, width, height }: DecodedPng): Uint8Array {
  const most = 2 ** depth - 1;
  const line = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * line + (bit >> 3)];
    return (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
  });
}

/** The image with 1 (gray), 3 (RGB) or 4 (RGBA) channels: alpha is left out or opaque, gray is 0.299 R + 0.587 G + 0.114 B. */
export function toChannels({ data, shape: [C, H, W] }: Picture, channels: 1 | 3 | 4): Picture {
  if (C === channels) return { data, shape: [C, H, W] };
  const size = H * W;
  const out = new (data.constructor as new (n: number) => typeof data)(channels * size);
  const plane = (c: number) => data.subarray(c * size, (c + 1) * size);
  const colored = C >= 3;
  if (channels === 1) {
    const [r, g, b] = [plane(0), plane(1), plane(2)];
    if (!colored) out.set(plane(0));
    else for (let i = 0; i < size; i++) out[i] = Math.round(0.299 * r[i] + 0.587 * g[i] + 0.114 * b[i]);
  } else {
    for (let c = 0; c < 3; c++) out.set(plane(colored ? c : 0), c * size);
    if (channels === 4) {
      if (C === 2) out.set(plane(1), 3 * size);
      else out.fill(whiteOf(data), 3 * size);
    }
  }
  return { data: out, shape: [channels, H, W] };
}

/** The same image with words of 16 bits: 255 becomes 65535. */
export const toWords = ({ data, shape }: Picture): Picture => ({
  data: data instanceof Uint16Array ? data : Uint16Array.from(data, (byte) => byte * 257),
  shape,
});
