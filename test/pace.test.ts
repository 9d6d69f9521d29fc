// The guess of when work is done: for work seen before, and never for new work.
import { expect, test } from 'vitest';
import { Pace } from '../src/backends/webgpu/pace.ts';

/** A stretch of work of a kind, begun at `now`. */
function work(pace: Pace, kind: number, now: number) {
  pace.dispatch(kind);
  return pace.read(now);
}

/** A pace that knows this kind to take 100 ms. The first time, shaders were compiled. */
function paceOf(kind: number): Pace {
  const pace = new Pace();
  pace.finish(work(pace, kind, -1100), -1100, -100);
  pace.finish(work(pace, kind, -100), -100, 0);
  return pace;
}

test('sleeps through most of the time that the same work took before', () => {
  const pace = paceOf(7);
  const stretch = work(pace, 7, 200);
  expect(pace.sleep(stretch, 200)).toBe(80);
  expect(pace.sleep(stretch, 250)).toBe(40);
});

test('new work is not waited for, even after slow work', () => {
  const pace = paceOf(7);
  expect(pace.sleep(work(pace, 8, 1000), 1000)).toBe(0);
});

test('the first time is no guess for the second: it may have waited for shaders', () => {
  const pace = new Pace();
  const first = work(pace, 7, 0);
  expect(pace.sleep(first, 0)).toBe(0);
  pace.finish(first, 0, 5000);
  expect(pace.sleep(work(pace, 7, 5000), 5000)).toBe(0);
});

test('work in the queue before it counts', () => {
  const pace = paceOf(7);
  const [a, b] = [work(pace, 7, 100), work(pace, 7, 110)];
  expect(pace.sleep(b, 110)).toBeCloseTo(0.8 * 190);
  pace.finish(a, 150, 200);
  expect(pace.sleep(b, 200)).toBeCloseTo(80);
});

test('a guess that has become too long is halved each time', () => {
  const pace = paceOf(7);
  let now = 100;
  const slept: number[] = [];
  for (let i = 0; i < 4; i++) {
    const stretch = work(pace, 7, now);
    slept.push(pace.sleep(stretch, now));
    now += slept[i];
    pace.finish(stretch, now, now); // it was done already
  }
  expect(slept).toEqual([80, 40, 20, 10]);
});
