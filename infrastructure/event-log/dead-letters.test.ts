import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { deadLetterTopic } from '#domain/data/topics.ts';
import {
  deadLetterRecord,
  findDeadLetter,
  ORIGINAL_BYTES_MAX,
  openDeadLetters,
  resolveDeadLetter,
} from './dead-letters.ts';
import { COMPACTED, RETAINED, record } from './event-log.testing.ts';
import type { LogRecord, TopicSpec } from './event-log.ts';
import { openSqliteLogUnderTest, type SqliteLogUnderTest } from './sqlite/sqlite-log.testing.ts';

const FAILURE = { reason: 'not JSON', errors: [{ field: '', rule: 'json', message: 'must be JSON' }] };

describe('dead letters', () => {
  let under: SqliteLogUnderTest;

  beforeEach(async () => {
    under = await openSqliteLogUnderTest({ maxRecordBytes: 1024 * 1024 });
    const letters = [RETAINED, COMPACTED].map(
      ({ name }): TopicSpec => ({ ...RETAINED, name: deadLetterTopic(name), partitions: 1 }),
    );
    await under.log.ensureTopics([RETAINED, COMPACTED, ...letters]);
  });
  afterEach(() => under.dispose());

  async function unreadable(topic: string, text: string): Promise<LogRecord> {
    const [place] = await under.log.append([record(topic, 1, text, 'key')]);
    assert(place !== undefined);
    const [read] = await under.log.read(place, 1);
    assert(read !== undefined);
    return read;
  }

  test('a letter tells who could not read what, why, and holds the original bytes', async () => {
    const bad = await unreadable('orders', '{"broken');
    await under.log.append([deadLetterRecord(bad, 'reader', FAILURE)]);
    const [letter] = await openDeadLetters(under.log, { limit: 10 });
    assert(letter !== undefined);
    assert.deepEqual(letter.origin, {
      kind: 'record',
      topic: 'orders',
      partition: 1,
      offset: 0,
      key: 'key',
      appendedAtMs: under.nowMs(),
    });
    assert.deepEqual(
      { reader: letter.reader, reason: letter.reason, errors: letter.errors },
      { reader: 'reader', ...FAILURE },
    );
    assert.equal(Buffer.from(letter.original ?? []).toString(), '{"broken');
    assert.deepEqual(await findDeadLetter(under.log, letter.id), letter);
  });

  test('the same letter written twice is one letter', async () => {
    const bad = await unreadable('orders', 'x');
    await under.log.append([
      deadLetterRecord(bad, 'reader', FAILURE),
      deadLetterRecord(bad, 'reader', FAILURE),
    ]);
    assert.equal((await openDeadLetters(under.log, { limit: 10 })).length, 1);
  });

  test('what would have gone to two topics are two letters, a record’s and a row’s', async () => {
    for (const topic of ['orders', 'states']) {
      const row = { topic, source: 'day.csv', line: 7, bytes: Buffer.from('a,b') };
      await under.log.append([
        deadLetterRecord(await unreadable(topic, 'x'), 'reader', FAILURE),
        deadLetterRecord(row, 'reader', FAILURE),
      ]);
    }
    const letters = await openDeadLetters(under.log, { limit: 10 });
    assert.equal(new Set(letters.map(({ id }) => id)).size, 4);
    for (const letter of letters) assert.deepEqual(await findDeadLetter(under.log, letter.id), letter);
  });

  test('many letters are read page by page, whether or not the last of a page is still open', async () => {
    for (const topic of ['orders', 'states'])
      for (let line = 0; line < 4; line += 1) {
        const bad = { topic, source: topic, line, bytes: Buffer.from('') };
        const letter = deadLetterRecord(bad, 'feed', FAILURE);
        // Written again, as a reader does that did not learn whether its first was.
        await under.log.append([letter, letter]);
      }
    const all = (await openDeadLetters(under.log, { limit: 100 })).map(({ id }) => id);
    assert.equal(all.length, 8);
    const paged: string[] = [];
    while (paged.length <= all.length) {
      const after = paged.at(-1);
      const page = await openDeadLetters(under.log, { limit: 3, ...(after === undefined ? {} : { after }) });
      assert.ok(page.length <= 3);
      if (page.length === 0) break;
      paged.push(...page.map(({ id }) => id));
      if (paged.length === 3) await resolveDeadLetter(under.log, paged[2] ?? '', 'drop');
    }
    assert.deepEqual(paged, all);
  });

  test('a retry appends the original bytes again and closes the letter, once', async () => {
    const bad = await unreadable('orders', 'again');
    await under.log.append([deadLetterRecord(bad, 'reader', FAILURE)]);
    const [letter] = await openDeadLetters(under.log, { limit: 10 });
    assert(letter !== undefined);
    const outcomes = await Promise.all([
      resolveDeadLetter(under.log, letter.id, 'retry'),
      resolveDeadLetter(under.log, letter.id, 'retry'),
    ]);
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ['overtaken', 'resolved']);
    assert.deepEqual(await resolveDeadLetter(under.log, letter.id, 'retry'), { kind: 'already-resolved' });
    const read = await under.log.read({ topic: 'orders', partition: 1, offset: 0 }, 10);
    assert.deepEqual(
      read.map(({ key, value }) => [key, Buffer.from(value ?? []).toString()]),
      [
        ['key', 'again'],
        ['key', 'again'],
      ],
    );
    assert.deepEqual(await openDeadLetters(under.log, { limit: 10 }), []);
  });

  test('a dropped letter is closed and nothing is appended', async () => {
    const bad = await unreadable('orders', 'x');
    await under.log.append([deadLetterRecord(bad, 'reader', FAILURE)]);
    const [letter] = await openDeadLetters(under.log, { limit: 10, topic: 'orders' });
    assert.deepEqual(await resolveDeadLetter(under.log, letter?.id ?? '', 'drop'), { kind: 'resolved' });
    assert.equal((await under.log.read({ topic: 'orders', partition: 1, offset: 0 }, 10)).length, 1);
    assert.deepEqual(await resolveDeadLetter(under.log, 'no such letter', 'drop'), {
      kind: 'unknown-letter',
    });
  });

  test('a key that the log does not take is cut in the letter, which it does take; such a record is not retried', async () => {
    const record: LogRecord = {
      topic: 'orders',
      partition: 1,
      offset: 0,
      // As large as another producer may write it to a server's log.
      key: '\u0001'.repeat(500_000),
      value: new Uint8Array(ORIGINAL_BYTES_MAX).fill(7),
      appendedAtMs: 0,
    };
    await under.log.append([deadLetterRecord(record, 'reader', FAILURE)]);
    const [letter] = await openDeadLetters(under.log, { limit: 10 });
    assert.equal(letter?.original?.length, ORIGINAL_BYTES_MAX);
    assert.deepEqual(await resolveDeadLetter(under.log, letter.id, 'retry'), {
      kind: 'not-retryable',
      reason: 'its key is longer than the log takes',
    });
  });

  test('a long original is cut in the letter, and retried whole', async () => {
    const bad = await unreadable('orders', 'x'.repeat(ORIGINAL_BYTES_MAX + 1));
    await under.log.append([deadLetterRecord(bad, 'reader', FAILURE)]);
    const [letter] = await openDeadLetters(under.log, { limit: 10 });
    assert.equal(letter?.original?.length, ORIGINAL_BYTES_MAX);
    assert.deepEqual(await resolveDeadLetter(under.log, letter?.id ?? '', 'retry'), { kind: 'resolved' });
    const [again] = await under.log.read({ topic: 'orders', partition: 1, offset: 1 }, 1);
    assert.deepEqual(again?.value, bad.value);
  });

  test('rows of files and states of compacted topics cannot be retried', async () => {
    const row = { topic: 'orders', source: '/tmp/day\0.csv', line: 7, bytes: Buffer.from('a,b') };
    const state = await unreadable('states', 'x');
    await under.log.append([
      deadLetterRecord(row, 'feed', FAILURE),
      deadLetterRecord(state, 'reader', FAILURE),
    ]);
    const letters = await openDeadLetters(under.log, { limit: 10 });
    assert.equal(letters.length, 2);
    for (const { id } of letters) {
      const outcome = await resolveDeadLetter(under.log, id, 'retry');
      assert.equal(outcome.kind, 'not-retryable');
    }
    assert.equal((await openDeadLetters(under.log, { limit: 10 })).length, 2);
  });
});
