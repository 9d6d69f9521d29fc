// evaluate: mean loss and accuracy over a set of examples; and what class a model predicts.
import { noGrad } from '../autograd/tape.ts';
import { type Compiled, compile } from '../compile/index.ts';
import { evaluating } from '../nn/modes.ts';
import type { Module } from '../nn/module.ts';
import { crossEntropy } from '../ops/index.ts';
import { scope } from '../tensor/scope.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkIsData, type Data, deviceOf, isClassification, type Loss, type Pair, rowsOf, upload } from './batch.ts';
import { AHEAD, addTo, type Counted, forward, numbersOf, readNumbers } from './step.ts';

const EVALUATION_BATCH = 500;
/** Batches from which on compiling pays. */
const WORTH_COMPILING = 3;

export interface EvaluateOptions {
  batchSize?: number;
  /** Ends evaluation after the batch at hand. */
  signal?: AbortSignal;
  /** Default: cross entropy. */
  loss?: Loss;
  /** Whether batches are compiled. Default: where there are at least 3. */
  compile?: boolean;
}

export interface Evaluated {
  loss: number;
  /** Share that was classified right; null where the targets are no classes. */
  accuracy: number | null;
  /** Examples that these are means over. */
  count: number;
}

/** A model's forward pass and its loss on a batch, ready to be run again and again. Dispose of it. */
export class Evaluator {
  private readonly model: Module;
  private readonly forward: (pair: Pair) => Tensor;
  private classes = false;

  constructor(
    model: Module,
    { loss = crossEntropy, compiled, halves = false }: { loss?: Loss; compiled: boolean; halves?: boolean },
  ) {
    this.model = model;
    const evaluationStep = (pair: Pair) =>
      noGrad(() =>
        scope(() => {
          const { output, mean } = forward(model, loss, pair, { halves });
          this.classes = isClassification(output, pair.y);
          return numbersOf(output, pair.y, mean);
        }),
      );
    this.forward = compiled ? compile(evaluationStep) : evaluationStep;
  }

  /**
   * Means over the examples, with the model in evaluation mode; modes are put back. A signal ends it after the batch at
   * hand, and the means are then over the examples so far.
   */
  async run(data: Data, { batchSize = EVALUATION_BATCH, signal }: EvaluateOptions = {}): Promise<Evaluated> {
    const device = deviceOf(this.model);
    const totals: Counted = { loss: 0, correct: 0, count: 0 };
    const running: Promise<Counted>[] = [];
    const report = async () => addTo(totals, await running.shift()!);
    for (let at = 0; at < data.length && !signal?.aborted; at += batchSize) {
      const indices = Array.from({ length: Math.min(batchSize, data.length - at) }, (_, i) => at + i);
      const examples = await data.batch(indices);
      const restore = evaluating(this.model);
      try {
        const numbers = scope(() => this.forward(upload(examples, device)));
        const counted = readNumbers(numbers, rowsOf(examples));
        counted.catch(() => {}); // whoever awaits it hears of it; after a failure nobody awaits the rest
        running.push(counted);
      } finally {
        restore();
      }
      if (running.length > AHEAD) await report();
      await turn();
    }
    while (running.length > 0) await report();
    const { loss, correct, count } = totals;
    return { loss: loss / count, accuracy: this.classes ? correct / count : null, count };
  }

  dispose(): void {
    if ('dispose' in this.forward) (this.forward as Compiled<[Pair], Tensor>).dispose();
  }
}

/**
 * Mean loss and accuracy of a model over a set of examples, in evaluation mode; modes are put back. A signal ends
 * it after the batch at hand, and the means are then over the examples so far, of which `count` tells.
 */
export async function evaluate(model: Module, data: Data, options: EvaluateOptions = {}): Promise<Evaluated> {
  const { batchSize = EVALUATION_BATCH, loss } = options;
  checkIsData('evaluate', data);
  const compiled = options.compile ?? data.length > (WORTH_COMPILING - 1) * batchSize;
  const evaluator = new Evaluator(model, { loss, compiled });
  try {
    return await evaluator.run(data, { ...options, batchSize });
  } finally {
    evaluator.dispose();
  }
}

/** The class with the largest logit for each row of [N, C]. */
export async function predictions(logits: Tensor): Promise<number[]> {
  const [rows, classes] = logits.shape;
  const values = await logits.data();
  return Array.from({ length: rows }, (_, i) => {
    let best = 0;
    for (let j = 1; j < classes; j++) if (values[i * classes + j] > values[i * classes + best]) best = j;
    return best;
  });
}

/** Gives the event loop a turn: on the CPU device nothing else does, and Ctrl-C or a button would wait. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));
