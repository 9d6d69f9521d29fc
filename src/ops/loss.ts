// Losses: cross entropy of logits against class indices.
import gradSource from '../../shaders/crossEntropyGrad.wgsl';
import source from '../../shaders/crossEntropyRows.wgsl';
import { define, type Op } from '../autograd/op.ts';
import { apply } from '../autograd/tape.ts';
import type { Spec } from '../tensor/backend.ts';
import { IndexError, ShapeError } from '../tensor/errors.ts';
import { format } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { sum } from './broadcast.ts';
import { add, exp, mul, onesLike, sub } from './elementwise.ts';
import { ceilDiv, constants, failing, grid, threads } from './launch.ts';
import { reshape } from './movement.ts';
import { mean } from './reduction.ts';

function check([logits, labels]: Spec[]): void {
  const [rows] = logits.shape;
  if (logits.shape.length !== 2 || labels.shape.length !== 1 || labels.shape[0] !== rows || logits.shape[1] === 0) {
    throw new ShapeError(
      `crossEntropy: expected logits [N, C] and labels [N], got ${format(logits.shape)} and ${format(labels.shape)}`,
    );
  }
  if (logits.dtype !== 'float32' || labels.dtype !== 'int32') {
    throw new ShapeError(
      `crossEntropy: expected float32 logits and int32 labels, got ${logits.dtype} and ${labels.dtype}`,
    );
  }
}

function checkLabel(label: number, classes: number): number {
  if (label < 0 || label >= classes) throw new IndexError(outOfRange(label, classes));
  return label;
}

const outOfRange = (label: number, classes: number) =>
  `crossEntropy: expected labels from 0 to ${classes - 1}, got ${label}`;

/**
 * Per row: loss[i] = lse[i] - logits[i, label], lse[i] = log sum exp logits[i]. Beside the loss, lse comes in two parts,
 * since one float32 would lose the digits of the second where logits are large: top[i], the largest logit, and
 * rest[i] = log sum exp(logits[i] - top[i]). For gradients top is a constant shift, and rest has all of lse's.
 */
const rowsOp: Op<Record<string, never>> = define({
  name: 'crossEntropyRows',
  outputs: (inputs) => {
    check(inputs);
    const rows = { shape: [inputs[0].shape[0]], dtype: 'float32' as const };
    return [rows, rows, rows];
  },
  cpu: ([logits, labels], [loss, top, rest]) => {
    const [rows, classes] = logits.shape;
    for (let i = 0; i < rows; i++) {
      const row = Float64Array.from(logits.data.subarray(i * classes, (i + 1) * classes));
      const largest = row.reduce((a, b) => Math.max(a, b));
      top.data[i] = largest;
      rest.data[i] = Math.log(row.reduce((total, v) => total + Math.exp(v - largest), 0));
      loss.data[i] = rest.data[i] + (largest - row[checkLabel(labels.data[i], classes)]);
    }
  },
  plan: ([logits], _outputs, _attrs, gpu) => ({
    dispatches: [
      {
        shader: { file: 'crossEntropyRows.wgsl', source, preamble: constants({ WG: threads(gpu) }) + failing(5) },
        params: [...logits.shape, 'fault'],
        fault: (label) => outOfRange(label, logits.shape[1]),
        workgroups: grid(logits.shape[0]),
      },
    ],
  }),
  vjp: ([gLoss, , gRest], { inputs: [logits, labels], outputs: [, top, rest] }) => {
    let g: Tensor | null = gLoss && crossEntropyGrad(logits, labels, top, rest, gLoss);
    if (gRest) {
      const byRest = mul(softmaxFrom(logits, top, rest), column(gRest));
      g = g ? add(g, byRest) : byRest;
    }
    return [g, null];
  },
});

/** d loss / d logits times g: (softmax(logits[i]) - onehot(label[i])) * g[i], with softmax from the saved top and rest. */
const gradOp: Op<Record<string, never>> = define({
  name: 'crossEntropyGrad',
  outputs: ([logits, labels]) => {
    check([logits, labels]);
    return [{ shape: logits.shape, dtype: 'float32' }];
  },
  cpu: ([logits, labels, top, rest, g], [out]) => {
    const [rows, classes] = logits.shape;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < classes; j++) {
        const p = Math.exp(logits.data[i * classes + j] - top.data[i] - rest.data[i]);
        out.data[i * classes + j] = (p - Number(j === labels.data[i])) * g.data[i];
      }
    }
  },
  plan: ([logits]) => {
    const [rows, classes] = logits.shape;
    return {
      dispatches: [
        {
          shader: { file: 'crossEntropyGrad.wgsl', source: gradSource },
          params: [rows * classes, classes],
          workgroups: grid(ceilDiv(rows * classes, 64)),
        },
      ],
    };
  },
  vjp: ([gg], { inputs: [logits, labels, top, rest, g], needs }) => {
    const weighted = needs[0] || needs[3] ? mul(mul(softmaxFrom(logits, top, rest), gg!), column(g)) : null;
    return [
      needs[0] ? weighted : null,
      null,
      null,
      needs[3] ? mul(sum(weighted!, 1), -1) : null,
      needs[4] ? sum(mul(crossEntropyGrad(logits, labels, top, rest, onesLike(g)), gg!), 1) : null,
    ];
  },
});

const crossEntropyGrad = (logits: Tensor, labels: Tensor, top: Tensor, rest: Tensor, g: Tensor): Tensor =>
  apply(gradOp, [logits, labels, top, rest, g], {})[0];

const column = (x: Tensor) => reshape(x, [x.size, 1]);
const softmaxFrom = (logits: Tensor, top: Tensor, rest: Tensor) => exp(sub(sub(logits, column(top)), column(rest)));

export type Reduce = 'mean' | 'sum' | 'none';

/**
 * -log softmax(logits)[label], averaged over the rows by default. Logits [N, C] float32, labels [N] int32 from 0 to
 * C - 1; one out of range is an IndexError, on WebGPU at the next read.
 */
export function crossEntropy(logits: Tensor, labels: Tensor, { reduction = 'mean' as Reduce } = {}): Tensor {
  if (!['mean', 'sum', 'none'].includes(reduction)) {
    throw new ShapeError(`crossEntropy: expected reduction mean, sum or none, got ${reduction}`);
  }
  const [loss] = apply(rowsOp, [logits, labels], {});
  return reduction === 'mean' ? mean(loss) : reduction === 'sum' ? sum(loss) : loss;
}
