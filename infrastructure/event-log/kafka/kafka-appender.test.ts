/** Appends when their producer has failed for good, as it does when a broker comes back with less than it acknowledged. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { failsWith } from '../event-log.testing.ts';
import { DeliveringProducer } from './delivering-producer.ts';
import type { HeldClient } from './held-client.ts';
import { KafkaAppender } from './kafka-appender.ts';
import type { NativeProducer } from './kafka-library.ts';
import { FakeProducer } from './native-clients.testing.ts';

const RECORD = { topic: 'orders', partition: 0, key: null, value: Buffer.from('x') };

describe('a producer that failed for good', () => {
  let first: FakeProducer;
  let appender: KafkaAppender;
  /** Of the producers that were asked for. */
  let openings: PromiseWithResolvers<HeldClient<NativeProducer>>[];

  function unavailable(reason: string): OperatingError {
    return new OperatingError('LOG_UNAVAILABLE', reason, { retry: 'retry' });
  }

  beforeEach(async () => {
    first = new FakeProducer();
    openings = [];
    appender = new KafkaAppender({
      connection: {
        runtime: createSystemRuntime(),
        logger: SILENT,
        producer: () => {
          const opening = Promise.withResolvers<HeldClient<NativeProducer>>();
          openings.push(opening);
          return opening.promise;
        },
        appendFailed: (error) => error,
        unavailable,
      },
      ends: { noteSeen: () => {} },
      prefix: '',
      producer: new DeliveringProducer(first.client),
      openTransactions: () => assert.fail('one record needs no transaction'),
    });
    await appender.append([RECORD]);
    first.failForGood('out of order sequence');
  });

  function opening(at: number): PromiseWithResolvers<HeldClient<NativeProducer>> {
    const asked = openings[at];
    assert(asked !== undefined && openings.length === at + 1, `${openings.length} producers were asked for`);
    return asked;
  }

  test('is replaced when a broker answers, however often none did', async () => {
    for (let tries = 0; tries < 3; tries += 1) {
      const appending = appender.append([RECORD]);
      opening(tries).reject(unavailable('does not answer'));
      await assert.rejects(appending, failsWith('LOG_UNAVAILABLE', 'retry'));
    }
    const appending = appender.append([RECORD]);
    opening(3).resolve(new FakeProducer().client);
    assert.equal((await appending).length, 1);
    assert.equal((await appender.append([RECORD])).length, 1);
    assert.equal(openings.length, 4);
    assert.equal(first.disconnected, 1);
  });

  test('is replaced once for all who wait, and none of them is handed the old one', async () => {
    const appending = [1, 2, 3].map(() => appender.append([RECORD]));
    const asked = opening(0);
    appending.push(appender.append([RECORD]));
    asked.resolve(new FakeProducer().client);
    for (const positions of await Promise.all(appending)) assert.equal(positions.length, 1);
    assert.equal(openings.length, 1);
  });

  test('does not keep the log from closing', async () => {
    const appending = appender.append([RECORD]);
    opening(0).reject(unavailable('does not answer'));
    await assert.rejects(appending, failsWith('LOG_UNAVAILABLE', 'retry'));
    await appender.close();
    assert.equal(first.disconnected, 1);
  });
});
