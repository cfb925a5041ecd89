import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('for people it is one plain line', () => {
  assert.match(
    logged('text', (logger) => logger.warn({ topic: 'trade_orders' }, 'late')),
    /^\d\d:\d\d:\d\d WARN late {2}\(topic=trade_orders\)\n$/,
  );
});
