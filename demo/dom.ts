// Small things that both pages need: elements, colours, throttled drawing, messages, and the badge of the adapter.
import type { DeviceInfo } from 'downhill';

/** The element of this id; throws where the page has none. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found as T;
}

/** The value of a CSS custom property, which follows light and dark. */
export const cssVar = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Calls back when the colours change between light and dark. */
export function onColorScheme(redraw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
}

/** Draws in the next frame, at most once in `interval` milliseconds, however often it is called. */
export function throttled(draw: () => void, interval = 80): () => void {
  let waiting = false;
  let last = 0;
  return () => {
    if (waiting) return;
    waiting = true;
    const frame = () =>
      requestAnimationFrame(() => {
        waiting = false;
        last = performance.now();
        draw();
      });
    const rest = last + interval - performance.now();
    if (rest > 0) setTimeout(frame, rest);
    else frame();
  };
}

/** Shows a message above the page's content. */
export function showFailure(title: string, error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  // A sentence, unless it begins with the name of a function.
  const sentence = text.replace(/^[a-z]+ /, (word) => word.charAt(0).toUpperCase() + word.slice(1));
  byId('failure-title').textContent = title;
  byId('failure-text').textContent = /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
  byId('failure').hidden = false;
}

/** Shows in the header which adapter does the work, and of what kind it is. */
export function showAdapter({ adapter, software }: DeviceInfo): void {
  const badge = byId('adapter');
  byId('adapter-name').textContent = adapter;
  byId('adapter-kind').textContent = software ? 'software' : 'GPU';
  badge.dataset.kind = software ? 'software' : 'hardware';
  badge.title = software ? 'This adapter computes on the CPU: it works, slowly.' : 'This adapter is a GPU.';
  badge.hidden = false;
}

/** Shows why there is no device, and what to do, in the place of the page's content. */
export function showNoDevice(error: unknown): void {
  byId('content').hidden = true;
  showFailure('WebGPU is not available here', error);
}
