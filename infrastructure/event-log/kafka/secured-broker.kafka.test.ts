/** A broker that wants TLS and a user: who is let in, and the one sentence of a start that is not. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeCertificates } from '#tests/support/certificates.ts';
import { startServer } from '#tests/support/servers.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import { readSettings } from './cluster-settings.ts';
import { openKafkaLogUnderTest, sealedRecords } from './kafka-log.testing.ts';

describe('a broker with TLS and SASL', () => {
  const certificates = makeCertificates();
  let url = '';

  before(async () => {
    const broker = await startServer('kafka', { certificate: certificates.server });
    url = `${broker.url}?tls=true&ca=${certificates.authority}`;
  });
  after(() => certificates.remove());

  for (const mechanism of ['scram-sha-512', 'plain']) {
    test(`lets a user in by ${mechanism}, who appends, commits, reads, seals, and asks for groups and settings`, async () => {
      const under = await openKafkaLogUnderTest({}, `${url}&sasl=${mechanism}`);
      try {
        await under.log.ensureTopics([RETAINED]);
        await under.log.append([record('orders', 0, 'appended')]);
        const producer = await under.log.openProducer('owner');
        const consumed = { group: 'readers', positions: [{ topic: 'orders', partition: 0, offset: 1 }] };
        await producer.commit({ records: [record('orders', 0, 'committed')], consumed });
        assert(await under.log.settled(10_000));
        const read = await sealedRecords(under.log, { topic: 'orders', partition: 0 });
        assert.deepEqual(read.map(textOf), ['appended', 'committed']);
        assert.deepEqual(await under.log.groups(), ['readers']);
        const setting = 'min.insync.replicas';
        const name = `${under.address.path}.orders`;
        const [settings] = await readSettings(under.address, [{ of: 'topic', name, settings: [setting] }]);
        assert.deepEqual([...(settings ?? [])], [[setting, '1']]);
      } finally {
        await under.dispose();
      }
    });
  }

  const refusedAs = (code: string, message: RegExp) => (error: Error & { code?: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /not-the-password/);
    return true;
  };

  test('another password is refused in a sentence that does not hold it', async () => {
    for (const mechanism of ['scram-sha-512', 'plain']) {
      const wrong = `${url.replace(/:[^:@/]*@/, ':not-the-password@')}&sasl=${mechanism}`;
      await assert.rejects(
        openKafkaLogUnderTest({}, wrong),
        refusedAs('LOG_UNAUTHENTICATED', /^Kafka at 127\.0\.0\.1:[0-9]+ refuses user or password\.$/),
      );
    }
  });

  test('a broker whose certificate another authority signed is not believed', async () => {
    await assert.rejects(
      openKafkaLogUnderTest({}, url.replace(/ca=.*/, `ca=${certificates.another}`)),
      refusedAs('LOG_UNAVAILABLE', /refuses TLS, or is not who it should be .*look at \?tls= and \?ca=/),
    );
  });

  test('a file of authorities that is none is told as such', async () => {
    for (const [file, what] of [
      ['/nowhere', /cannot be read \(ENOENT\)/],
      [import.meta.filename, /holds no certificate/],
    ] as const) {
      await assert.rejects(
        openKafkaLogUnderTest({}, url.replace(/ca=.*/, `ca=${file}`)),
        refusedAs('CONFIG_UNREADABLE', what),
      );
    }
  });

  test('without TLS there is no answer, and the sentence says where to look', async () => {
    await assert.rejects(
      openKafkaLogUnderTest({}, url.replace(/\?.*/, '')),
      refusedAs('LOG_UNAVAILABLE', /does not answer .* a broker does that wants TLS or another user/),
    );
  });
});
