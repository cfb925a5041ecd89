/**
 * A SQLite file written, and searched at length, on a thread of its own: this thread answers orders and never
 * waits for a disk or a long query.
 *
 * A request is a list of statements, run in one transaction when it writes; requests run one after another.
 */

import type { SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { asOperatingError, type SqliteFileOptions, type TransactionStart } from './sqlite-file.ts';

export interface SqliteStep {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

export interface SqliteStepResult {
  readonly changes: number;
  /** Of a statement that answers rows. Integers are bigints. */
  readonly rows: readonly Record<string, SQLOutputValue>[];
}

/** What the thread is sent. SQL texts are sent once per request, however many steps use them. */
export interface SqliteRequest {
  readonly id: number;
  /** A single statement needs none of its own. */
  readonly transaction: TransactionStart | null;
  readonly texts: readonly string[];
  readonly steps: readonly (readonly [text: number, values: readonly SQLInputValue[]])[];
}

export type SqliteReply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'done'; readonly id: number; readonly results: readonly SqliteStepResult[] }
  /** `id` is null when the file could not be opened. */
  | { readonly kind: 'failed'; readonly id: number | null; readonly failure: SqliteFailure };

/** An error, taken apart: a thread's messages keep no error's own fields. */
export interface SqliteFailure {
  readonly message: string;
  readonly code: string | null;
  readonly errcode: number | null;
  readonly retry: OperatingError['retry'] | null;
}

export interface SqliteThread {
  /** All or nothing, synced when it resolves. Throws `OperatingError`. */
  write(steps: readonly SqliteStep[]): Promise<readonly SqliteStepResult[]>;
  /** From one state of the file. Throws `OperatingError`. */
  read(steps: readonly SqliteStep[]): Promise<readonly SqliteStepResult[]>;
  /** After the requests before it. */
  close(): Promise<void>;
}

/** Bounds the thread's own heap; batches pass through it, nothing stays. */
const THREAD_MEMORY = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };

export async function openSqliteThread(options: SqliteFileOptions): Promise<SqliteThread> {
  const worker = new Worker(new URL('./sqlite-thread-worker.ts', import.meta.url), {
    workerData: options,
    resourceLimits: THREAD_MEMORY,
  });
  const thread = new WorkerThread(worker, options);
  await thread.opened;
  return thread;
}

interface Pending {
  resolve(results: readonly SqliteStepResult[]): void;
  reject(error: unknown): void;
}

class WorkerThread implements SqliteThread {
  readonly #worker: Worker;
  readonly #options: SqliteFileOptions;
  readonly #pending = new Map<number, Pending>();
  readonly opened: Promise<void>;
  readonly #exited: Promise<void>;
  #nextId = 1;
  /** Why no request can be taken any more. */
  #ended: OperatingError | null = null;

  constructor(worker: Worker, options: SqliteFileOptions) {
    this.#worker = worker;
    this.#options = options;
    const opened = Promise.withResolvers<void>();
    const exited = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.#exited = exited.promise;
    worker.on('message', (reply: SqliteReply) => {
      if (reply.kind === 'opened') opened.resolve();
      else if (reply.kind === 'failed' && reply.id === null) opened.reject(this.#rebuilt(reply.failure));
      else this.#settle(reply);
    });
    worker.on('error', (error) => this.#end('met a bug or ran out of memory', error));
    worker.on('exit', () => {
      this.#end('has ended', undefined);
      if (this.#ended !== null) opened.reject(this.#ended);
      exited.resolve();
    });
  }

  write(steps: readonly SqliteStep[]): Promise<readonly SqliteStepResult[]> {
    return this.#request(steps, 'BEGIN IMMEDIATE');
  }

  read(steps: readonly SqliteStep[]): Promise<readonly SqliteStepResult[]> {
    return this.#request(steps, 'BEGIN');
  }

  async close(): Promise<void> {
    if (this.#ended === null) {
      this.#ended = new OperatingError('STORE_CLOSED', `${this.#options.format.name} has been closed.`, {
        retry: 'never',
      });
      this.#worker.postMessage('close');
    }
    await this.#exited;
  }

  #request(steps: readonly SqliteStep[], begin: TransactionStart): Promise<readonly SqliteStepResult[]> {
    if (this.#ended !== null) return Promise.reject(this.#ended);
    const texts = new Map<string, number>();
    const request: SqliteRequest = {
      id: this.#nextId++,
      transaction: steps.length > 1 ? begin : null,
      steps: steps.map(({ sql, values }) => {
        let text = texts.get(sql);
        if (text === undefined) {
          text = texts.size;
          texts.set(sql, text);
        }
        return [text, values];
      }),
      texts: [...texts.keys()],
    };
    const { promise, resolve, reject } = Promise.withResolvers<readonly SqliteStepResult[]>();
    this.#pending.set(request.id, { resolve, reject });
    this.#worker.postMessage(request);
    return promise;
  }

  #settle(reply: Exclude<SqliteReply, { kind: 'opened' }>): void {
    const pending = reply.id === null ? undefined : this.#pending.get(reply.id);
    if (reply.id === null || pending === undefined) return;
    this.#pending.delete(reply.id);
    if (reply.kind === 'done') pending.resolve(reply.results);
    else pending.reject(this.#rebuilt(reply.failure));
  }

  #end(how: string, cause: unknown): void {
    const { format, path } = this.#options;
    this.#ended ??= new OperatingError(
      'STORE_FAILED',
      `The thread of ${format.name} at ${path} ${how}: restart.`,
      {
        retry: 'unknown',
        cause,
      },
    );
    for (const pending of this.#pending.values()) pending.reject(this.#ended);
    this.#pending.clear();
  }

  #rebuilt(failure: SqliteFailure): unknown {
    if (failure.code !== null && failure.retry !== null) {
      return new OperatingError(failure.code, failure.message, { retry: failure.retry });
    }
    const error = Object.assign(new Error(failure.message), { code: failure.code, errcode: failure.errcode });
    return asOperatingError(error, this.#options.format.name, this.#options.path);
  }
}
