// What a report is made of, and how it comes out of the records of a run, which are the lines of its metrics.jsonl.
import type { HostTensor } from '../nn/module.ts';
import type { EpochReport, StepReport } from './callback.ts';
import type { FiltersRecord, ProbeRecord } from './monitor-records.ts';

/** What is written down of a step. */
export type StepFigures = Omit<StepReport, 'secondsLeft'>;

/** What stands in front of a run's records. */
export interface RunRecord {
  title: string;
  /** The adapter, in words. */
  device: string;
  /** What the run was asked for, by name. */
  flags: Record<string, string>;
  /** Training steps in an epoch. */
  stepsPerEpoch: number;
}

export interface Report extends RunRecord {
  steps: StepFigures[];
  epochs: EpochReport[];
  /** Weights of the first layer, [out, in, height, width]. */
  filters: HostTensor | null;
  test: { loss: number; accuracy: number | null; images: number } | null;
  /** Seconds of training, validation included; null where nobody took them. */
  seconds: number | null;
  /** What monitors saw, if there were any. */
  probes?: ProbeRecord[];
}

/** A line of metrics.jsonl. */
export type RunLine =
  | ({ kind: 'run' } & RunRecord)
  | ({ kind: 'step' } & StepFigures)
  | ({ kind: 'epoch' } & EpochReport)
  | ({ kind: 'test' } & NonNullable<Report['test']>)
  | ProbeRecord
  | FiltersRecord;

/**
 * The report that these records make. `known` stands in for what no record tells. Records of kinds that a report does not
 * know are passed over; a loss that was no number, which JSON cannot hold, is NaN.
 */
export function reportOf(lines: readonly RunLine[], known: Partial<RunRecord> = {}): Report {
  const of = <K extends RunLine['kind']>(kind: K) =>
    lines.filter((line): line is Extract<RunLine, { kind: K }> => line.kind === kind);
  const steps = of('step').map((step) => ({ ...step, loss: (step.loss as number | null) ?? Number.NaN }));
  const epochs = of('epoch');
  const last = steps.at(-1);
  const firstEpoch = steps.findLast(({ epoch }) => epoch === 1)?.step ?? 1;
  return {
    title: 'Training run',
    device: 'an unknown device',
    flags: {},
    // The first epoch is whole where a second one was begun or an epoch was reported.
    stepsPerEpoch: epochs.length > 0 || (last?.epoch ?? 1) > 1 ? firstEpoch : (last?.steps ?? 1),
    ...known,
    ...of('run').at(-1),
    steps,
    epochs,
    filters: of('filters').at(-1) ?? null,
    test: of('test').at(-1) ?? null,
    seconds: epochs.length > 0 ? epochs.reduce((total, { seconds }) => total + seconds, 0) : null,
    probes: of('probe'),
  };
}
