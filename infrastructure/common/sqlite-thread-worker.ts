/** The thread behind `sqlite-thread.ts`: opens the file it is given and runs one request after another. */
import assert from 'node:assert/strict';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { inTransaction, openSqliteFile, type SqliteFileOptions } from './sqlite-file.ts';
import { StatementCache } from './sqlite-statements.ts';
import type { SqliteFailure, SqliteReply, SqliteRequest, SqliteStepResult } from './sqlite-thread.ts';

assert(parentPort !== null, 'this file runs as a thread');
const port = parentPort;

try {
  serve(openSqliteFile(workerData as SqliteFileOptions));
} catch (error) {
  reply({ kind: 'failed', id: null, failure: takenApart(error) });
}

function serve(database: DatabaseSync): void {
  const statements = new StatementCache(database);
  port.on('message', (message: SqliteRequest | 'close') => {
    if (message === 'close') {
      database.close();
      port.close();
      return;
    }
    try {
      const { transaction: begin } = message;
      const work = (): SqliteStepResult[] => run(statements, message);
      reply({
        kind: 'done',
        id: message.id,
        results: begin === null ? work() : inTransaction(database, work, begin),
      });
    } catch (error) {
      reply({ kind: 'failed', id: message.id, failure: takenApart(error) });
    }
  });
  reply({ kind: 'opened' });
}

function run(statements: StatementCache, request: SqliteRequest): SqliteStepResult[] {
  const prepared = request.texts.map((sql) => statements.prepare(sql));
  return request.steps.map(([text, values]) => {
    const statement = prepared[text];
    assert(statement !== undefined, 'a step names one of the texts sent with it');
    return runOne(statement, values);
  });
}

function runOne(
  { statement, answersRows }: { statement: StatementSync; answersRows: boolean },
  values: SqliteRequest['steps'][number][1],
): SqliteStepResult {
  if (answersRows) return { changes: 0, rows: statement.all(...values) };
  return { changes: Number(statement.run(...values).changes), rows: [] };
}

function reply(message: SqliteReply): void {
  port.postMessage(message);
}

function takenApart(error: unknown): SqliteFailure {
  if (!(error instanceof Error)) return { message: String(error), code: null, errcode: null, retry: null };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  const errcode = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : null;
  return {
    message: error.message,
    code,
    errcode,
    retry: error instanceof OperatingError ? error.retry : null,
  };
}
