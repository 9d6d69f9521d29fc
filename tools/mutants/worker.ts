// A child process of the mutation run: takes tasks one at a time, and says before each step how long it may be silent.
import { cases } from '../../src/check/cases/index.ts';
import { Bench, type Run, type Verdict } from './bench.ts';
import type { Mutant } from './mutant.ts';

export type Task = { scan: number } | { begin: Run[] } | { try: Mutant; large: boolean };

/** `step`: milliseconds that the next step takes unaltered. */
export type Message = { step: number } | { scanned: Run[] } | { begun: true } | { tried: Verdict } | { failed: string };

/** Serves the tasks of the parent process until it leaves. */
export function serve(): void {
  const send = (message: Message) => process.send?.(message);
  const bench = Bench.open(cases, (step) => send({ step }));
  const answer = async (task: Task): Promise<Message> => {
    if ('scan' in task) return { scanned: await (await bench).scan(task.scan) };
    if ('try' in task) return { tried: await (await bench).try(task.try, task.large) };
    (await bench).begin(task.begin);
    return { begun: true };
  };
  process.on('message', async (task: Task) => {
    send(await answer(task).catch((error: Error) => ({ failed: error.stack ?? error.message })));
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {}); // the parent's business
  // Dawn may hang a process that leaves in order.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
}
