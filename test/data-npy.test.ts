// Arrays in .npy files, as NumPy writes them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadNpy, readNpy } from '../src/data/index.node.ts';
import { decodeNpy, encodeNpy } from '../src/io/npy.ts';
import { folder, refused } from './data-folder.ts';

describe('.npy', () => {
  /** A file as NumPy writes it. */
  function npy(dict: string, data: ArrayBufferView, version = 1): Uint8Array {
    const text = new TextEncoder().encode(`${dict}\n`);
    const out = new Uint8Array((version === 1 ? 10 : 12) + text.length + data.byteLength);
    out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]);
    const view = new DataView(out.buffer);
    if (version === 1) view.setUint16(8, text.length, true);
    else view.setUint32(8, text.length, true);
    out.set(text, out.length - data.byteLength - text.length);
    out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), out.length - data.byteLength);
    return out;
  }
  const dict = (descr: string, shape: string, fortran = 'False') =>
    `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }`;
  const swapped = (data: ArrayBufferView, width: number) => {
    const bytes = new Uint8Array(data.buffer.slice(0));
    for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse();
    return bytes;
  };

  test.each([
    ['<f4', new Float32Array([1.5, -2, 1e30]), new Float32Array([1.5, -2, 1e30])],
    ['<f8', new Float64Array([0.1, -2, 1e300]), new Float64Array([0.1, -2, 1e300])],
    ['<f2', new Uint16Array([0x3c00, 0xc000, 0x3800]), new Float32Array([1, -2, 0.5])],
    ['<i4', new Int32Array([1, -(2 ** 31), 7]), new Int32Array([1, -(2 ** 31), 7])],
    ['<i8', new BigInt64Array([1n, -5n, 7n]), new Int32Array([1, -5, 7])],
    ['<u8', new BigUint64Array([1n, 5n, 7n]), new Int32Array([1, 5, 7])],
    ['<u4', new Uint32Array([1, 5, 2 ** 31 - 1]), new Int32Array([1, 5, 2 ** 31 - 1])],
    ['<i2', new Int16Array([1, -5, 7]), new Int32Array([1, -5, 7])],
    ['<u2', new Uint16Array([1, 5, 65535]), new Int32Array([1, 5, 65535])],
    ['|i1', new Int8Array([1, -5, 7]), new Int32Array([1, -5, 7])],
    ['|u1', new Uint8Array([1, 5, 255]), new Uint8Array([1, 5, 255])],
    ['|b1', new Uint8Array([1, 0, 1]), new Uint8Array([1, 0, 1])],
  ])('%s, in both byte orders', (descr, data, expected) => {
    expect(decodeNpy(npy(dict(descr, '(3,)'), data))).toEqual({ shape: [3], data: expected, descr });
    const big = descr.replace('<', '>');
    const turned = swapped(data, data.BYTES_PER_ELEMENT);
    expect(decodeNpy(npy(dict(big, '(3,)'), turned)).data).toEqual(expected);
  });

  test('versions 1 to 3, Fortran order, no dims, no elements, any place in memory', () => {
    const six = new Float32Array([0, 1, 2, 3, 4, 5]);
    for (const version of [1, 2, 3]) {
      const { shape, data } = decodeNpy(npy(dict('<f4', '(2, 3)'), six, version));
      expect([shape, Array.from(data)]).toEqual([
        [2, 3],
        [0, 1, 2, 3, 4, 5],
      ]);
    }
    expect(Array.from(decodeNpy(npy(dict('<f4', '(2, 3)', 'True'), six)).data)).toEqual([0, 2, 4, 1, 3, 5]);
    const cube = Float32Array.from({ length: 24 }, (_, i) => i);
    // Element (i, j, k) of [2, 3, 4] lies at i + 2 j + 6 k.
    const expected = Array.from(
      { length: 24 },
      (_, at) => Math.floor(at / 12) + 2 * (Math.floor(at / 4) % 3) + 6 * (at % 4),
    );
    expect(Array.from(decodeNpy(npy(dict('<f4', '(2, 3, 4)', 'True'), cube)).data)).toEqual(expected);
    expect(decodeNpy(npy(dict('<f4', '()'), new Float32Array([4])))).toMatchObject({
      shape: [],
      data: new Float32Array([4]),
    });
    expect(decodeNpy(npy(dict('<f4', '(0, 3)'), new Float32Array(0))).shape).toEqual([0, 3]);
    const file = npy(dict('<f4', '(2, 3)'), six);
    const shifted = new Uint8Array(file.length + 3);
    shifted.set(file, 3);
    expect(decodeNpy(shifted.subarray(3)).data).toEqual(six);
  });

  test('round trips', () => {
    const arrays = [
      new Float32Array([1, 2]),
      new Float64Array([0.1, 2]),
      new Int32Array([-1, 2]),
      new Uint8Array([1, 255]),
    ];
    for (const data of arrays) {
      const bytes = encodeNpy({ shape: [2, 1], data });
      expect(decodeNpy(bytes)).toMatchObject({ shape: [2, 1], data });
      expect((bytes.length - data.byteLength) % 64).toBe(0);
    }
    expect(new TextDecoder('latin1').decode(encodeNpy({ shape: [2], data: [1, 2] }).subarray(10))).toContain(
      "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
    );
    expect(() => encodeNpy({ shape: [3], data: [1] })).toThrow('[3] holds 3 elements, got 1');
  });

  test('files that are wrong', () => {
    const good = npy(dict('<f4', '(2, 3)'), new Float32Array(6));
    const fails = (bytes: Uint8Array, message: string) => expect(() => decodeNpy(bytes, 'x.npy')).toThrow(message);
    fails(new TextEncoder().encode('<html>'), 'x.npy: not a .npy file');
    fails(good.subarray(0, 9), 'x.npy: truncated in its header');
    fails(good.subarray(0, 40), 'x.npy: truncated in its header');
    fails(good.subarray(0, -5), 'x.npy: truncated in row 1: expected');
    fails(new Uint8Array([...good, 0]), 'x.npy: too long');
    fails(npy(dict('<c8', '(1,)'), new Float32Array(2)), 'got <c8');
    fails(npy(dict('|O', '(1,)'), new Uint8Array(1)), 'got |O');
    fails(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", new Float32Array(1)), 'fields');
    fails(npy('{}', new Uint8Array(0)), 'cannot read its header');
    fails(
      npy(dict('<i8', '(2,)'), new BigInt64Array([1n, 2n ** 40n])),
      'element 1 is 1099511627776, which is no int32',
    );
    fails(npy(dict('<f4', '(1,)'), new Float32Array(1), 4), 'version 1, 2 or 3, got 4');
  });

  test('datasets from two files', async () => {
    const x = { shape: [3, 2], data: new Float32Array([1, 2, 3, 4, 5, 6]) };
    const y = { shape: [3], data: new Int32Array([1, 0, 1]) };
    const at = await folder('npy', { 'x.npy': encodeNpy(x), 'y.npy': encodeNpy(y) });
    const [xFile, yFile] = [join(at, 'x.npy'), join(at, 'y.npy')];
    const data = await loadNpy(xFile, yFile, { classes: 2 });
    expect(data.batch([2])).toMatchObject({ x: new Float32Array([5, 6]), y: new Int32Array([1]) });
    expect(data.where?.(2)).toBe(`${xFile} with ${yFile}, row 2`);
    await refused(loadNpy(xFile, yFile, { classes: 3 }), `${xFile} with ${yFile}: class 2 has no example among 3`);
    await refused(loadNpy(xFile, yFile, { classes: 1 }), 'y.npy, row 0: label 1 is out of range');
    await writeFile(join(at, 'bad.npy'), encodeNpy({ ...x, data: [1, 2, 3, Number.NaN, 5, 6] }));
    await refused(loadNpy(join(at, 'bad.npy'), yFile), 'bad.npy with ', 'y.npy, row 1: x is NaN at element 1');
    await writeFile(join(at, 'two.npy'), encodeNpy({ shape: [2], data: new Int32Array(2) }));
    await refused(loadNpy(xFile, join(at, 'two.npy')), 'two.npy: expected as many rows as');
    await refused(readNpy(join(at, 'none.npy')), 'none.npy');
  });
});
