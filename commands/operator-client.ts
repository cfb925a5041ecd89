/** Talks to the running instance of a data folder over its operator's socket. */
import { request as httpRequest } from 'node:http';
import { resolve } from 'node:path';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { findOperatorSocket } from '#infrastructure/core/operator-socket.ts';

interface OperatorAnswer {
  readonly status: number;
  readonly text: string;
  readonly nextPageToken: string | null;
}

/** A page of an answer that is no JSON. */
export interface TextPage {
  readonly text: string;
  /** `null` behind the last one. */
  readonly nextPageToken: string | null;
}

export interface OperatorClient {
  /**
   * The answer's JSON, when the status is below 400. Otherwise throws an `OperatingError` whose code and message are
   * the problem's; its `retry` is `unknown` when the command may have been carried out. Throws `NOT_RUNNING` when no
   * instance runs on the folder.
   */
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
    idempotencyKey?: string,
  ): Promise<unknown>;
  /** The answer's text, when the status is below 400; throws as `call` does. */
  page(path: string): Promise<TextPage>;
}

const ANSWER_TIMEOUT_MS = 60_000;

/** There is no such folder, or nobody listens in it. */
const NOBODY_THERE: ReadonlySet<unknown> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ECONNREFUSED']);

function connectionFailure(error: NodeJS.ErrnoException, dataFolder: string): OperatingError {
  const folder = resolve(dataFolder);
  if (NOBODY_THERE.has(error.code)) {
    return new OperatingError(
      'NOT_RUNNING',
      `No instance is running on the data folder ${folder}: start one with \`npx tradehall start --data ${dataFolder}\`, or name another folder with --data.`,
      { retry: 'retry', cause: error },
    );
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new OperatingError(
      'NOT_OWNER',
      `Only the owner of the data folder ${folder} may use its operator's socket.`,
      {
        retry: 'never',
        cause: error,
      },
    );
  }
  return new OperatingError(
    'OPERATOR_FAILED',
    `The running instance did not answer (${error.code ?? error.message}).`,
    {
      retry: 'unknown',
      cause: error,
    },
  );
}

function socketOf(dataFolder: string): string {
  try {
    return findOperatorSocket(dataFolder);
  } catch (error) {
    throw connectionFailure(error as NodeJS.ErrnoException, dataFolder);
  }
}

/** Throws an `OperatingError` when the folder cannot be looked into. */
export function connectOperator(dataFolder: string): OperatorClient {
  const socketPath = socketOf(dataFolder);

  function send(
    method: string,
    path: string,
    body?: unknown,
    idempotencyKey?: string,
  ): Promise<OperatorAnswer> {
    const payload = body === undefined ? null : JSON.stringify(body);
    return new Promise((answer, fail) => {
      const request = httpRequest(
        {
          socketPath,
          method,
          path,
          timeout: ANSWER_TIMEOUT_MS,
          headers: {
            ...(payload === null
              ? {}
              : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
            ...(idempotencyKey === undefined ? {} : { 'x-idempotency-key': idempotencyKey }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', (error) => fail(connectionFailure(error, dataFolder)));
          response.on('end', () =>
            answer({
              status: response.statusCode ?? 0,
              text: Buffer.concat(chunks).toString('utf8'),
              nextPageToken: response.headers['x-next-page-token']?.toString() ?? null,
            }),
          );
        },
      );
      request.on('timeout', () =>
        request.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })),
      );
      request.on('error', (error) => fail(connectionFailure(error, dataFolder)));
      request.end(payload);
    });
  }

  return {
    async call(method, path, body, idempotencyKey) {
      const answer = await send(method, path, body, idempotencyKey);
      if (answer.status >= 400) throw refusalOf(answer);
      return answer.text === '' ? null : JSON.parse(answer.text);
    },
    async page(path) {
      const answer = await send('GET', path);
      if (answer.status >= 400) throw refusalOf(answer);
      return answer;
    },
  };
}

function refusalOf({ status, text }: OperatorAnswer): OperatingError {
  const given: {
    readonly code?: string;
    readonly title?: string;
    readonly detail?: string;
    readonly accountId?: unknown;
  } = JSON.parse(text);
  const sentence = given.detail ?? given.title ?? `Status ${status}.`;
  const code = given.code ?? 'OPERATOR_FAILED';
  if (code !== 'OUTCOME_UNKNOWN')
    return new OperatingError(code, sentence, { retry: status === 503 ? 'retry' : 'never' });
  const { accountId } = given;
  const whose = typeof accountId === 'string' ? ` It is about account ${accountId}.` : '';
  return new OperatingError(code, `${sentence}${whose}`, { retry: 'unknown' });
}
