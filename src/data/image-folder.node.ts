// Any folder of PNG images by class (Node only): root/class/*.png, or root/train/class/*.png with test/ and val/ beside it.
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative } from 'node:path';
import { elementCount } from '../tensor/shape.ts';
import { DataError } from './error.ts';
import { ImageSet, pixelStatistics } from './images.ts';
import { decodePng, type Picture, toChannels, toWords } from './png.node.ts';
import { resize } from './resize.ts';

export interface ImageFolderOptions {
  /** Height and width that all images get. Without it they have to be of one size. */
  resize?: readonly [height: number, width: number];
  /** 1 is gray, 3 is RGB, 4 is RGBA. Default: 1 where all images are gray, else 3. */
  channels?: 1 | 3 | 4;
}

/** Images by class. What has no folder of its own is null. */
export interface ImageFolder {
  train: ImageSet;
  validation: ImageSet | null;
  test: ImageSet | null;
}

/** Folders of the sets, where there are any. */
const SETS = { train: ['train'], validation: ['val', 'validation', 'valid'], test: ['test'] };

/** Images that are not read, but that nobody should miss without being told. */
const OTHERS = /^\.(jpe?g|gif|webp|bmp|tiff?|avif)$/i;

const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

async function entries(folder: string): Promise<Dirent[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch((error: Error) => {
    throw new DataError(`cannot read the folder of images (${error.message})`);
  });
  return found.filter(({ name }) => !name.startsWith('.')).sort((a, b) => byName(a.name, b.name));
}

const foldersIn = async (folder: string) => (await entries(folder)).filter((e) => e.isDirectory()).map((e) => e.name);

interface Listed {
  classes: string[];
  files: { path: string; label: number }[];
}

/** The files of each class in a folder. */
async function list(folder: string): Promise<Listed> {
  const classes = await foldersIn(folder);
  if (classes.length === 0) throw new DataError(`${folder}: expected a folder for each class, found none`);
  const files: Listed['files'] = [];
  for (const [label, name] of classes.entries()) {
    const inside = (await entries(join(folder, name))).filter((entry) => !entry.isDirectory());
    const other = inside.find((file) => OTHERS.test(extname(file.name)));
    if (other) throw new DataError(`${join(folder, name, other.name)}: expected PNG images only`);
    const images = inside.filter((file) => extname(file.name).toLowerCase() === '.png');
    if (images.length === 0) throw new DataError(`class ${name} has no example: no PNG file in ${join(folder, name)}`);
    files.push(...images.map((file) => ({ path: join(folder, name, file.name), label })));
  }
  return { classes, files };
}

/** Decodes all files, and brings them to one size. */
async function pictures({ files }: Listed, { resize: size }: ImageFolderOptions): Promise<Picture[]> {
  const out: Picture[] = [];
  for (const { path } of files) {
    const picture = decodePng(await readFile(path), path);
    const [C, H, W] = picture.shape;
    if (size) out.push({ data: resize(picture.data, picture.shape, size), shape: [C, ...size] });
    else out.push(picture);
    const [, height, width] = out[0].shape;
    if (!size && (H !== height || W !== width)) {
      throw new DataError(
        `${path}: ${W} by ${H} pixels, but ${files[0].path} has ${width} by ${height}; ask for one size with resize: [height, width], or --size of the commands`,
      );
    }
  }
  return out;
}

/**
 * PNG images from `root`, by class: root/class/*.png are all for training; or root/train/class/*.png, with test/ and val/ of
 * the same classes beside it. Classes are in the order of their names. Pixels have 8 or 16 bits; each channel is normalized
 * by its mean and standard deviation over the training images. All are decoded into memory. Throws a DataError that names
 * the file: truncated or no PNG, of another size than the first, a class without images or that training does not know.
 */
export async function imageFolder(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
  const { resize: size, channels } = options;
  if (size && !(size.length === 2 && size.every((n) => Number.isInteger(n) && n > 0))) {
    throw new DataError(`imageFolder: expected resize as [height, width], got [${size}]`);
  }
  const top = await foldersIn(root);
  const apart = top.includes('train');
  const folderOf = (set: keyof typeof SETS) => {
    const name = apart ? SETS[set].find((folder) => top.includes(folder)) : undefined;
    return name && join(root, name);
  };
  const read = async (folder: string, known?: string[]) => {
    const listed = await list(folder);
    const stranger = known && listed.classes.find((name) => !known.includes(name));
    if (stranger) throw new DataError(`${join(folder, stranger)}: the training images have no class ${stranger}`);
    const labels = listed.files.map(({ label }) => (known ?? listed.classes).indexOf(listed.classes[label]));
    return { ...listed, labels, pictures: await pictures(listed, options) };
  };
  const train = await read(folderOf('train') ?? root);
  const [validation, test] = await Promise.all(
    (['validation', 'test'] as const).map((set) => {
      const folder = folderOf(set);
      return folder ? read(folder, train.classes) : null;
    }),
  );
  const all = [train, validation, test].flatMap((set) => set?.pictures ?? []);
  const wanted = channels ?? (all.every(({ shape: [C] }) => C <= 2) ? 1 : 3);
  const deep = all.some(({ data }) => data instanceof Uint16Array);
  const [, H, W] = train.pictures[0].shape;
  const shape = [wanted, H, W];

  const planes = (set: typeof train) => {
    const pixels = elementCount(shape);
    const images = new (deep ? Uint16Array : Uint8Array)(set.pictures.length * pixels);
    set.pictures.forEach((picture, i) => {
      if (picture.shape[1] !== H || picture.shape[2] !== W) {
        const [file, first] = [set.files[i].path, train.files[0].path];
        throw new DataError(
          `${file}: ${picture.shape[2]} by ${picture.shape[1]} pixels, but ${first} has ${W} by ${H}`,
        );
      }
      images.set(toChannels(deep ? toWords(picture) : picture, wanted).data, i * pixels);
    });
    return images;
  };
  const images = planes(train);
  const statistics = pixelStatistics(images, shape);
  const made = (set: typeof train, pixels = planes(set)) =>
    new ImageSet({
      images: pixels,
      labels: Int32Array.from(set.labels),
      shape,
      classes: train.classes,
      ...statistics,
      where: (index) => relative(root, set.files[index].path),
    });
  return { train: made(train, images), validation: validation && made(validation), test: test && made(test) };
}
