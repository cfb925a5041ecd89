import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OperatingError } from './operating-error.ts';
import { createLogger } from './pino-logger.ts';

function logged(format: 'json' | 'text', write: (logger: ReturnType<typeof createLogger>) => void): string {
  let text = '';
  write(
    createLogger({
      level: 'info',
      format,
      write: (line) => {
        text += line;
      },
    }),
  );
  return text;
}

test('a secret is never written, wherever its field stands', () => {
  const text = logged('json', (logger) =>
    logger.info(
      {
        secret: 'S1',
        request: { authorization: 'S2', headers: { 'apca-api-secret-key': 'S3' } },
        key: { secret: 'S4' },
      },
      'a request',
    ),
  );
  assert.doesNotMatch(text, /S[1-4]/);
  assert.match(text, /\[secret\]/);
});

test('a child replaces a field that its parent gave, and errors keep their cause', () => {
  const text = logged('json', (logger) =>
    logger
      .child({ service: 'a' })
      .child({ service: 'b' })
      .warn({ error: new Error('outer', { cause: new Error('inner') }) }, 'failed'),
  );
  const entry = JSON.parse(text) as { service: string; error: { cause: { message: string } } };
  assert.equal(entry.service, 'b');
  assert.doesNotMatch(text, /"service":"a"/);
  assert.equal(entry.error.cause.message, 'inner');
});

test("what a server's client hangs on its errors is not written: arguments, headers, addresses with passwords", () => {
  const told = (message: string, hung: object) => Object.assign(new Error(message), hung);
  const replied = told('WRONGPASS', { code: 'ERR', command: { name: 'auth', args: ['S1'] } });
  const answered = told('401', { meta: { request: { headers: { Authorization: 'S2' } } }, detail: 'S3' });
  const text = logged('json', (logger) => {
    logger.warn({ error: new OperatingError('X', 'refused', { retry: 'never', cause: replied }) }, 'one');
    logger.warn({ err: new AggregateError([answered], 'all', { cause: replied }) }, 'two');
    logger.warn({ cause: { url: 'redis://:S4@host' }, error: 'no error' }, 'three');
  });
  assert.doesNotMatch(text, /S[1-4]/);
  const [one = '', two = ''] = text.split('\n');
  const { error } = JSON.parse(one);
  assert.deepEqual([error.type, error.code, error.retry], ['OperatingError', 'X', 'never']);
  assert.deepEqual([error.cause.message, error.cause.code], ['WRONGPASS', 'ERR']);
  assert.match(error.stack, /pino-logger\.test/);
  assert.equal(JSON.parse(two).err.errors[0].message, '401');
  assert.match(text, /no error/);
});

test('errors that cause each other in a circle are written to a certain depth', () => {
  const outer = new Error('outer');
  outer.cause = new Error('inner', { cause: outer });
  const text = logged('json', (logger) => logger.warn({ error: outer }, 'failed'));
  assert.match(text, /"message":"inner".*and so on/);
});

test('for people it is one plain line', () => {
  assert.match(
    logged('text', (logger) => logger.warn({ topic: 'trade_orders' }, 'late')),
    /^\d\d:\d\d:\d\d WARN late {2}\(topic=trade_orders\)\n$/,
  );
});
