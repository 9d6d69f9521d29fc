// The child processes of a mutation run. One that is silent for too long is killed and replaced, and so is one that dies.
import { type ChildProcess, fork } from 'node:child_process';
import type { Message, Task } from './worker.ts';

export interface PoolOptions {
  /** The script that serves as a child when its first argument is `worker`. */
  script: string;
  jobs: number;
  /** Seconds of silence, beyond what a step takes unaltered, after which a child is taken to hang. */
  patience: number;
  env: NodeJS.ProcessEnv;
}

/** An answer, or how the child was lost. */
export type Answer = Exclude<Message, { step: number }> | { lost: 'hang' | 'crash' };

/** A step may take so many times as long as it did unaltered. */
const SLOWER = 10;
/** Tasks other than tries: opening a device, large cases. */
const PATIENCE_AT_START = 10;

export class Pool {
  private readonly options: PoolOptions;
  private readonly idle: Child[];
  /** What each new child is told first. */
  private greeting: Task | null = null;

  constructor(options: PoolOptions) {
    this.options = options;
    this.idle = Array.from({ length: options.jobs }, () => new Child(options));
  }

  /** Tells all children, and those that come later. */
  async greet(task: Task): Promise<void> {
    this.greeting = task;
    await Promise.all(this.idle.map((child) => child.ask(task)));
  }

  /** Hands out tasks in order, one at a time to each child, as long as there are any. */
  async each<T>(
    tasks: Iterable<T>,
    make: (item: T) => Task,
    onAnswer: (item: T, answer: Answer) => void,
  ): Promise<void> {
    const queue = tasks[Symbol.iterator]();
    const work = async (first: Child) => {
      let child = first;
      for (let next = queue.next(); !next.done; next = queue.next()) {
        const answer = await child.ask(make(next.value));
        if ('lost' in answer) {
          child = new Child(this.options);
          if (this.greeting) await child.ask(this.greeting);
        }
        onAnswer(next.value, answer);
      }
      this.idle.push(child);
    };
    await Promise.all(this.idle.splice(0).map(work));
  }

  close(): void {
    for (const child of this.idle) child.kill();
  }
}

class Child {
  private readonly process: ChildProcess;
  private readonly patience: number;
  private timer: NodeJS.Timeout | undefined;
  private answer: (answer: Answer) => void = () => {};

  constructor({ script, env, patience }: PoolOptions) {
    this.patience = patience;
    this.process = fork(script, ['worker'], { env, execArgv: ['--expose-gc'], serialization: 'advanced' });
    this.process.on('message', (message: Message) => {
      if ('step' in message) this.wait(patience + (SLOWER * message.step) / 1000);
      else this.finish(message);
    });
    this.process.on('exit', () => this.finish({ lost: 'crash' }));
  }

  ask(task: Task): Promise<Answer> {
    return new Promise((resolve) => {
      this.answer = resolve;
      this.wait(PATIENCE_AT_START * this.patience);
      this.process.send(task, (error) => error && this.finish({ lost: 'crash' }));
    });
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  private wait(seconds: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.finish({ lost: 'hang' });
      this.kill();
    }, 1000 * seconds);
  }

  private finish(answer: Answer): void {
    clearTimeout(this.timer);
    this.answer(answer);
    this.answer = () => {};
  }
}
