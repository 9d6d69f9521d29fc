// A grid of test digits, each with what the network takes it for, how sure it is, and whether it is right.
import type { Batch, ImageSet } from 'downhill';
import { byId } from './dom.ts';

const COUNT = 42;

interface Tile {
  element: HTMLElement;
  picture: CanvasRenderingContext2D;
  guess: HTMLElement;
  sureness: HTMLElement;
}

export class Digits {
  /** The digits shown. */
  batch: Batch;
  private readonly test: ImageSet;
  private readonly tiles: Tile[];

  constructor(test: ImageSet) {
    this.test = test;
    this.tiles = Array.from({ length: COUNT }, () => makeTile(test.shape[2], test.shape[1]));
    byId('digits').replaceChildren(...this.tiles.map(({ element }) => element));
    this.batch = this.pick(Array.from({ length: COUNT }, (_, i) => i));
  }

  /** Shows other digits, taken at random. */
  shuffle(): void {
    this.batch = this.pick(Array.from({ length: COUNT }, () => Math.floor(Math.random() * this.test.length)));
  }

  /** Marks each digit with the most probable class; nothing happens if the digits were changed meanwhile. */
  mark(batch: Batch, probabilities: ArrayLike<number>[]): void {
    if (batch !== this.batch) return;
    let right = 0;
    this.tiles.forEach(({ element, guess, sureness }, i) => {
      // A network that has diverged gives NaN, and so no label.
      const sure = Math.max(...Array.from(probabilities[i])) || 0;
      const index = Array.from(probabilities[i]).indexOf(sure);
      const label = index < 0 ? '?' : String(index);
      const correct = index === batch.y[i];
      if (correct) right++;
      const percent = `${Math.round(100 * sure)} %`;
      element.dataset.verdict = correct ? 'right' : 'wrong';
      element.setAttribute(
        'aria-label',
        `${batch.y[i]} read as ${label}, ${correct ? 'right' : 'wrong'}, ${percent} sure`,
      );
      element.title = `read as ${label}, ${percent} sure`;
      guess.textContent = label;
      sureness.style.setProperty('--sure', `${100 * sure}%`);
    });
    byId('digits-score').textContent = `${right} of ${COUNT} right`;
  }

  private pick(indices: number[]): Batch {
    const { images, shape } = this.test;
    const pixels = shape[1] * shape[2];
    this.tiles.forEach(({ element, picture, guess, sureness }, i) => {
      const from = indices[i] * pixels;
      const ink = picture.createImageData(shape[2], shape[1]);
      // Black ink of varying strength; the style sheet turns it white in the dark.
      for (let k = 0; k < pixels; k++) ink.data[4 * k + 3] = images[from + k];
      picture.putImageData(ink, 0, 0);
      delete element.dataset.verdict;
      guess.textContent = '';
      sureness.style.setProperty('--sure', '0%');
    });
    return this.test.batch(indices);
  }
}

function makeTile(width: number, height: number): Tile {
  const element = document.createElement('li');
  element.className = 'digit';
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const caption = document.createElement('span');
  caption.className = 'caption';
  const guess = document.createElement('b');
  const mark = document.createElement('i');
  mark.className = 'mark';
  caption.append(guess, mark);
  const sureness = document.createElement('span');
  sureness.className = 'sureness';
  element.append(canvas, caption, sureness);
  return { element, picture: canvas.getContext('2d')!, guess, sureness };
}
