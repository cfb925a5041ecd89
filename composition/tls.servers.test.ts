/** Redis and PostgreSQL that want TLS: who is believed, and the one sentence of a start that does not get in. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { makeCertificates } from '#tests/support/certificates.ts';
import { startServer } from '#tests/support/servers.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { openPort } from './adapters.ts';
import { configOf } from './servers.testing.ts';

const SERVERS = [
  {
    server: 'redis',
    option: 'cache',
    port: 'cache',
    product: 'Redis',
    withoutTls: /lost the connection.*whether it wants TLS/,
  },
  {
    server: 'postgres',
    option: 'database',
    port: 'relational',
    product: 'PostgreSQL',
    withoutTls: /only with TLS: put \?tls=true into the URL.*28000/,
  },
] as const;

for (const { server, option, port, product, withoutTls } of SERVERS) {
  describe(`${product} with TLS`, () => {
    const certificates = makeCertificates();
    const folder = mkdtempSync(join(tmpdir(), 'tradehall-tls-'));
    let url = '';
    let plainUrl = '';

    before(async () => {
      url = (await startServer(server, { certificate: certificates.server })).url;
      plainUrl = (await startServer(server)).url;
    });
    after(() => {
      certificates.remove();
      rmSync(folder, { recursive: true });
    });

    function open(given: string) {
      return openPort(port, {
        folder: { file: (name) => join(folder, name) },
        config: configOf({ [option]: given }),
        runtime: createSystemRuntime(),
        logger: SILENT,
        metrics: createPrometheusMetrics({ processFigures: false }),
      });
    }

    async function refuses(given: string, code: string, sentence: RegExp): Promise<void> {
      await assert.rejects(open(given), (error: Error & { code?: string }) => {
        assert.match(error.message, sentence);
        assert.equal(error.code, code, error.message);
        assert.doesNotMatch(error.message, /\n/);
        assert.doesNotMatch(error.message, new RegExp(new URL(given).password));
        return true;
      });
    }

    const trusted = (more: string) =>
      new RegExp(
        `^The option ${option}: ${product} at 127\\.0\\.0\\.1:[0-9]+ offers no TLS that can be trusted \\(${more}`,
      );

    test('lets us in with the authority that signed its certificate', async () => {
      const opened = await open(`${url}?tls=true&ca=${certificates.authority}`);
      if ('ping' in opened) await opened.ping();
      else assert.deepEqual(await opened.orders.positions(), []);
      await opened.close();
    });

    test('is not believed with another authority, or with none of ours', async () => {
      const code = port === 'cache' ? 'CACHE_UNAVAILABLE' : 'STORE_UNAVAILABLE';
      const sentence = trusted('UNABLE_TO_VERIFY_LEAF_SIGNATURE\\): look at \\?tls= and \\?ca=');
      await refuses(`${url}?tls=true&ca=${certificates.another}`, code, sentence);
      await refuses(`${url}?tls=true`, code, sentence);
    });

    test('is not believed under a name that its certificate is not for', async () => {
      const code = port === 'cache' ? 'CACHE_UNAVAILABLE' : 'STORE_UNAVAILABLE';
      const named = url.replace('127.0.0.1', 'localhost');
      await refuses(
        `${named}?tls=true&ca=${certificates.authority}`,
        code,
        /localhost:[0-9]+ offers no TLS that can be trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
      );
    });

    test('without TLS there is no way in, nor with TLS to one that has none', async () => {
      const [closed, none] =
        port === 'cache' ? ['CACHE_UNAVAILABLE', 'CACHE_UNAVAILABLE'] : ['STORE_REFUSED', 'STORE_REFUSED'];
      await refuses(url, closed, withoutTls);
      await refuses(`${plainUrl}?tls=true`, none, /TLS/);
    });

    test('a file of authorities that is not there, or holds none, is named', async () => {
      for (const [file, what] of [
        [join(folder, 'none.pem'), /none\.pem, which \?ca= of the URL names, cannot be read \(ENOENT\)/],
        [import.meta.filename, /holds no certificate \(PEM\)/],
      ] as const) {
        await refuses(`${url}?tls=true&ca=${file}`, 'CONFIG_UNREADABLE', what);
      }
    });
  });
}
