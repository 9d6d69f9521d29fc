// einsum against the sum of products that its equation spells out, label by label.
import { einsum, init, randn, type Tensor } from 'downhill';
import { beforeAll, expect, test } from 'vitest';

beforeAll(async () => {
  await init({ device: 'cpu' });
});

/** The sum over all values of all labels; equations with -> and without dots. */
async function byLoops(equation: string, operands: Tensor[]): Promise<number[]> {
  const [left, right] = equation.split('->');
  const parts = left.split(',');
  const data = await Promise.all(operands.map((x) => x.data()));
  const sizes = new Map<string, number>();
  parts.forEach((part, i) => {
    [...part].forEach((label, d) => {
      sizes.set(label, Math.max(sizes.get(label) ?? 1, operands[i].shape[d]));
    });
  });
  const labels = [...new Set([...right, ...left.replaceAll(',', '')])];
  const out = new Array([...right].reduce((n, label) => n * sizes.get(label)!, 1)).fill(0);
  const at = new Map<string, number>();
  const position = (names: string, shape: readonly number[]) =>
    [...names].reduce((flat, label, d) => flat * shape[d] + (shape[d] === 1 ? 0 : at.get(label)!), 0);
  const walk = (k: number): void => {
    if (k === labels.length) {
      const product = parts.reduce((p, part, i) => p * data[i][position(part, operands[i].shape)], 1);
      out[
        position(
          right,
          [...right].map((label) => sizes.get(label)!),
        )
      ] += product;
      return;
    }
    for (let v = 0; v < sizes.get(labels[k])!; v++) {
      at.set(labels[k], v);
      walk(k + 1);
    }
  };
  walk(0);
  return out;
}

test.each([
  ['ij,jk->ik', [3, 5], [5, 2]],
  ['ij,kj->ki', [3, 5], [2, 5]],
  ['bij,bjk->bik', [4, 3, 5], [4, 5, 2]],
  ['bhij,bhjd->bihd', [2, 3, 4, 5], [2, 3, 5, 2]],
  ['ab,cb,ca->', [2, 3], [4, 3], [4, 2]],
  ['ij,ik,il->jkl', [5, 2], [5, 3], [5, 4]],
  ['ij,jk->ik', [3, 1], [5, 2]],
  ['ij,ij->ji', [3, 1], [1, 5]],
  ['i,j->', [3], [4]],
  ['iij,ji->ij', [3, 3, 2], [2, 3]],
  ['ii->i', [4, 4]],
  ['iji->j', [3, 2, 3]],
  ['ijk->kj', [2, 3, 4]],
  ['ij,k->j', [2, 3], [4]],
  ['ab,bc,cd,da->ac', [2, 3], [3, 4], [4, 5], [5, 2]],
])('%s', async (equation, ...shapes) => {
  const operands = (shapes as number[][]).map((shape) => randn(shape));
  const expected = await byLoops(equation, operands);
  const out = await einsum(equation, ...operands).data();
  expect(out.length).toBe(expected.length);
  out.forEach((v, i) => {
    expect(v).toBeCloseTo(expected[i], 10);
  });
});

test('without -> the labels that stand once come in order of the alphabet, behind the dims of ...', async () => {
  const [a, b] = [randn([2, 5, 3]), randn([3, 4])];
  expect(einsum('...cb,ba', a, b).shape).toEqual([2, 4, 5]);
  expect(einsum('ba', b).shape).toEqual([4, 3]);
  expect(einsum('ii', randn([3, 3])).shape).toEqual([]);
});
