// The first layer's filters as small pictures: one colour for negative weights, one for positive, none for zero.
import { byId, cssVar, onColorScheme } from './dom.ts';

const COUNT = 8;
const SIDE = 5;

export class Filters {
  private readonly pictures: CanvasRenderingContext2D[];
  private weights: ArrayLike<number> = [];

  constructor() {
    this.pictures = Array.from({ length: COUNT }, (_, i) => {
      const canvas = document.createElement('canvas');
      canvas.width = canvas.height = SIDE;
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', `filter ${i + 1} of ${COUNT}, ${SIDE} by ${SIDE} weights`);
      byId('filters').insertBefore(canvas, byId('filter-scale'));
      return canvas.getContext('2d')!;
    });
    onColorScheme(() => this.draw(this.weights));
  }

  /** Weights [8, 1, 5, 5]; all filters share one scale. */
  draw(weights: ArrayLike<number>): void {
    this.weights = weights;
    const most = Math.max(...Array.from(weights, Math.abs), 1e-6);
    const known = weights.length > 0 && Number.isFinite(most);
    const [negative, positive] = [cssVar('--negative'), cssVar('--positive')];
    this.pictures.forEach((picture, f) => {
      picture.clearRect(0, 0, SIDE, SIDE);
      for (let i = 0; i < SIDE * SIDE; i++) {
        const weight = weights[f * SIDE * SIDE + i] ?? 0;
        picture.fillStyle = weight < 0 ? negative : positive;
        picture.globalAlpha = known ? Math.abs(weight) / most : 0;
        picture.fillRect(i % SIDE, Math.floor(i / SIDE), 1, 1);
      }
    });
    byId('filter-low').textContent = known ? `-${most.toFixed(2)}` : '';
    byId('filter-high').textContent = known ? `+${most.toFixed(2)}` : '';
  }
}
