// The guess of when work is done: for work seen before, and never for new work.
import { expect, test } from 'vitest';
import { Pace } from '../src/backends/webgpu/pace.ts';

/** A stretch of work of a kind, begun at `now`. */
function work(pace: Pace, kind: number, now: number) {
  pace.dispatch(kind);
  return pace.read(now);
}

test('sleeps through most of the time that the same work took before', () => {
  const pace = new Pace();
  const first = work(pace, 7, 0);
  expect(pace.sleep(first, 0)).toBe(0);
  pace.finish(first, 0, 100);
  const second = work(pace, 7, 200);
  expect(pace.sleep(second, 200)).toBe(80);
  expect(pace.sleep(second, 250)).toBe(40);
});

test('new work is not waited for, even after slow work', () => {
  const pace = new Pace();
  pace.finish(work(pace, 7, 0), 0, 1000);
  expect(pace.sleep(work(pace, 8, 1000), 1000)).toBe(0);
});

test('work in the queue before it counts', () => {
  const pace = new Pace();
  pace.finish(work(pace, 7, 0), 0, 100);
  const [a, b] = [work(pace, 7, 100), work(pace, 7, 110)];
  expect(pace.sleep(b, 110)).toBeCloseTo(0.8 * 190);
  pace.finish(a, 150, 200);
  expect(pace.sleep(b, 200)).toBeCloseTo(80);
});

test('a guess that has become too long is halved each time', () => {
  const pace = new Pace();
  pace.finish(work(pace, 7, 0), 0, 100);
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
