// Folders of PNG images by class.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { describe, expect, test } from 'vitest';
import { imageFolder } from '../src/data/index.node.ts';
import { decodePng } from '../src/data/png.node.ts';
import { resize } from '../src/data/resize.ts';
import { folder, pixelsOf, refused, root } from './data-folder.ts';

describe('folders of PNG images', () => {
  type Depth = 8 | 16;
  const png = (width: number, height: number, channels: number, data: number[], depth: Depth = 8) =>
    encode({ width, height, channels, depth, data: depth === 16 ? new Uint16Array(data) : new Uint8Array(data) });
  const gray = (value: number, width = 2, height = 2) => png(width, height, 1, new Array(width * height).fill(value));

  /** A PNG with a palette or few bits, which fast-png does not write: chunks around raw lines. */
  async function rawPng(header: number[], lines: number[], chunks: [string, number[]][] = []): Promise<Uint8Array> {
    const { crc32, deflateSync } = await import('node:zlib');
    const chunk = (type: string, data: Uint8Array) => {
      const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
      const size = Buffer.alloc(4);
      size.writeUInt32BE(data.length);
      const check = Buffer.alloc(4);
      check.writeUInt32BE(crc32(body));
      return Buffer.concat([size, body, check]);
    };
    return Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', Uint8Array.from(header)),
      ...chunks.map(([type, data]) => chunk(type, Uint8Array.from(data))),
      chunk('IDAT', deflateSync(Uint8Array.from(lines))),
      chunk('IEND', new Uint8Array()),
    ]);
  }

  test('gray, RGB, RGBA, 16 bits, few bits and palettes as planes', async () => {
    expect(decodePng(png(2, 1, 1, [10, 20]), 'a')).toEqual({ data: new Uint8Array([10, 20]), shape: [1, 1, 2] });
    expect(decodePng(png(2, 1, 3, [1, 2, 3, 4, 5, 6]), 'a').data).toEqual(new Uint8Array([1, 4, 2, 5, 3, 6]));
    expect(decodePng(png(1, 2, 4, [1, 2, 3, 4, 5, 6, 7, 8]), 'a')).toEqual({
      data: new Uint8Array([1, 5, 2, 6, 3, 7, 4, 8]),
      shape: [4, 2, 1],
    });
    expect(decodePng(png(2, 1, 1, [1000, 65535], 16), 'a').data).toEqual(new Uint16Array([1000, 65535]));
    // 3 by 2 pixels of 2 bits: lines begin at whole bytes, behind their filter byte.
    const few = await rawPng([0, 0, 0, 3, 0, 0, 0, 2, 2, 0, 0, 0, 0], [0, 0b00011000, 0, 0b11000100]);
    expect(decodePng(few, 'a').data).toEqual(new Uint8Array([0, 85, 170, 255, 0, 85]));
    const palette: [string, number[]][] = [['PLTE', [255, 0, 0, 0, 255, 0, 0, 0, 255]]];
    const indexed = await rawPng([0, 0, 0, 2, 0, 0, 0, 1, 8, 3, 0, 0, 0], [0, 2, 1], palette);
    expect(decodePng(indexed, 'a')).toEqual({ data: new Uint8Array([0, 0, 0, 255, 255, 0]), shape: [3, 1, 2] });
  });

  test('one folder for each class, normalized over the training images', async () => {
    const at = await folder('plain', {
      'dog/b.png': gray(200),
      'cat/1.png': gray(0),
      'cat/2.PNG': gray(100),
      'cat/notes.txt': 'ignored',
      '.cache/x': 'ignored',
    });
    const { train, validation, test: held } = await imageFolder(at);
    expect([validation, held]).toEqual([null, null]);
    expect(train.classes).toEqual(['cat', 'dog']);
    expect(Array.from(train.labels)).toEqual([0, 0, 1]);
    expect(train.shape).toEqual([1, 2, 2]);
    expect(train.mean[0]).toBeCloseTo(100 / 255, 12);
    expect(train.std[0]).toBeCloseTo(Math.sqrt(20000 / 3) / 255, 12);
    expect(train.where(2)).toBe(join('dog', 'b.png'));
    const { x } = train.batch([0, 1, 2]);
    expect(x.reduce((sum, v) => sum + v, 0)).toBeCloseTo(0, 5);
  });

  test('train, val and test beside each other; a set may lack a class', async () => {
    const at = await folder('sets', {
      'train/a/1.png': gray(10),
      'train/b/1.png': gray(20),
      'val/b/2.png': gray(30),
      'test/a/3.png': gray(40),
      'test/b/3.png': gray(50),
    });
    const { train, validation, test: held } = await imageFolder(at);
    expect([train.length, validation?.length, held?.length]).toEqual([2, 1, 2]);
    expect(Array.from(validation!.labels)).toEqual([1]);
    expect(validation!.mean).toEqual(train.mean);
    expect(pixelsOf(held!, 1)).toEqual([50, 50, 50, 50]);
    await folder('sets', { 'test/c/4.png': gray(60) });
    await refused(imageFolder(at), 'the training images have no class c');
  });

  test('mixed colors and depths become one, or what was asked for', async () => {
    const at = await folder('mixed', {
      'a/gray.png': gray(100, 1, 1),
      'a/rgb.png': png(1, 1, 3, [10, 20, 30]),
      'b/rgba.png': png(1, 1, 4, [40, 50, 60, 128]),
    });
    const images = async (channels?: 1 | 3 | 4) => {
      const { train } = await imageFolder(at, { channels });
      return [0, 1, 2].map((i) => pixelsOf(train, i));
    };
    expect(await images()).toEqual([
      [100, 100, 100],
      [10, 20, 30],
      [40, 50, 60],
    ]);
    expect(await images(1)).toEqual([[100], [18], [48]]);
    expect(await images(4)).toEqual([
      [100, 100, 100, 255],
      [10, 20, 30, 255],
      [40, 50, 60, 128],
    ]);
    await folder('mixed', { 'b/deep.png': png(1, 1, 1, [65535], 16) });
    const { train } = await imageFolder(at, { channels: 1 });
    expect(train.images).toBeInstanceOf(Uint16Array);
    // a/gray, a/rgb, b/deep, b/rgba
    expect([0, 1, 2, 3].map((i) => pixelsOf(train, i)[0])).toEqual([25700, 4665, 65535, 12375]);
  });

  test('sizes that differ name both files, or are made one', async () => {
    const at = await folder('sizes', { 'a/1.png': gray(50), 'b/2.png': gray(150, 4, 2) });
    await refused(
      imageFolder(at),
      `${join(at, 'b', '2.png')}: 4 by 2 pixels, but ${join(at, 'a', '1.png')} has 2 by 2; ask for one size with resize`,
    );
    const { train } = await imageFolder(at, { resize: [3, 5] });
    expect(train.shape).toEqual([1, 3, 5]);
    expect(pixelsOf(train, 1)).toEqual(new Array(15).fill(150));
    const sets = await folder('set-sizes', { 'train/a/1.png': gray(1), 'test/a/2.png': gray(1, 3, 3) });
    await refused(
      imageFolder(sets),
      `${join('test', 'a', '2.png')}: 3 by 3 pixels, but ${join(sets, 'train', 'a', '1.png')}`,
    );
  });

  test('resize interpolates upwards, and takes all pixels into account downwards', () => {
    expect(Array.from(resize(new Uint8Array([0, 100]), [1, 1, 2], [1, 4]))).toEqual([0, 25, 75, 100]);
    const checks = new Uint8Array(64).map((_, i) => ((i + (i >> 3)) % 2) * 200);
    const small = Array.from(resize(checks, [1, 8, 8], [2, 2]));
    for (const value of small) expect(Math.abs(value - 100)).toBeLessThan(10);
    expect(Array.from(resize(new Uint16Array([0, 60000, 0, 60000]), [2, 1, 2], [1, 1]))).toEqual([30000, 30000]);
  });

  test('what cannot be read names the file', async () => {
    const whole = gray(7, 16, 16);
    const at = await folder('broken', { 'a/1.png': whole, 'b/2.png': whole.subarray(0, whole.length - 20) });
    await refused(imageFolder(at), join('b', '2.png'), 'not a whole PNG file');
    // Wherever it was cut, in words that say so.
    for (let bytes = 20; bytes < whole.length; bytes += 3) {
      await writeFile(join(at, 'b/2.png'), whole.subarray(0, bytes));
      await refused(imageFolder(at), `${join(at, 'b', '2.png')}: not a whole PNG file (`);
      await expect(imageFolder(at)).rejects.not.toThrow(/typed array|out.of.bounds|offset/i);
    }
    const flipped = whole.slice();
    flipped[flipped.length - 20] ^= 1;
    await writeFile(join(at, 'b/2.png'), flipped);
    await refused(imageFolder(at), join('b', '2.png'), 'not a whole PNG file');
    await writeFile(join(at, 'b/2.png'), 'no image');
    await refused(imageFolder(at), join('b', '2.png'), 'not a whole PNG file');
    await refused(imageFolder(await folder('none', {})), 'expected a folder for each class, found none');
    await refused(imageFolder(join(root, 'nowhere')), 'cannot read the folder of images');
    await refused(imageFolder(await folder('empty', { 'a/1.png': whole, 'b/x.txt': '' })), 'class b has no example');
    await refused(imageFolder(await folder('jpeg', { 'a/1.jpg': '' })), '1.jpg: expected PNG images only');
    await refused(imageFolder(at, { resize: [0, 4] }), 'expected resize as [height, width], got [0,4]');
  });
});
