/** A broker that wants TLS and a user: who is let in, and the one sentence of a start that is not. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startServer } from '#tests/support/servers.ts';
import { RETAINED, record, textOf } from '../event-log.testing.ts';
import { openKafkaLogUnderTest } from './kafka-log.testing.ts';

describe('a broker with TLS and SASL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tradehall-kafka-tls-'));
  let url = '';

  /** Answers the file of the authority; `name.pem` has the key and the certificate that it signed. */
  function makeCertificates(name: string): string {
    const file = (ending: string) => join(folder, `${name}${ending}`);
    const openssl = (...words: readonly string[]) => execFileSync('openssl', words, { stdio: 'pipe' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const authority = ['-keyout', file('-ca.key'), '-out', file('-ca.pem')];
    openssl('req', '-x509', ...key, ...authority, '-subj', `/CN=Authority ${name}`, '-days', '1');
    const signed = [
      '-CA',
      file('-ca.pem'),
      '-CAkey',
      file('-ca.key'),
      '-addext',
      'subjectAltName=IP:127.0.0.1',
    ];
    const own = ['-keyout', file('.key'), '-out', file('.crt'), '-subj', '/CN=broker', '-days', '1'];
    openssl('req', '-x509', ...key, ...signed, ...own);
    writeFileSync(file('.pem'), readFileSync(file('.key'), 'utf8') + readFileSync(file('.crt'), 'utf8'));
    return file('-ca.pem');
  }

  before(async () => {
    const authority = makeCertificates('broker');
    const broker = await startServer('kafka', { certificate: join(folder, 'broker.pem') });
    url = `${broker.url}?tls=true&ca=${authority}`;
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const mechanism of ['scram-sha-512', 'plain']) {
    test(`lets a user in by ${mechanism}, who appends, commits and reads`, async () => {
      const under = await openKafkaLogUnderTest({}, `${url}&sasl=${mechanism}`);
      try {
        await under.log.ensureTopics([RETAINED]);
        await under.log.append([record('orders', 0, 'appended')]);
        const producer = await under.log.openProducer('owner');
        await producer.commit({ records: [record('orders', 0, 'committed')] });
        assert(await under.log.settled(10_000));
        const read = await under.log.read({ topic: 'orders', partition: 0, offset: 0 }, 10);
        assert.deepEqual(read.map(textOf), ['appended', 'committed']);
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
    const another = makeCertificates('another');
    await assert.rejects(
      openKafkaLogUnderTest({}, url.replace(/ca=.*/, `ca=${another}`)),
      refusedAs('LOG_UNAVAILABLE', /refuses TLS, or is not who it should be .*look at \?tls= and \?ca=/),
    );
  });

  test('without TLS there is no answer, and the sentence says where to look', async () => {
    await assert.rejects(
      openKafkaLogUnderTest({}, url.replace(/\?.*/, '')),
      refusedAs('LOG_UNAVAILABLE', /does not answer .*whether it wants TLS/),
    );
  });
});
