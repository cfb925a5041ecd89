/** What stands at the address of an option and is not the server: the start ends with one sentence, and never as a bug. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createPrometheusMetrics } from '#infrastructure/core/prometheus-metrics.ts';
import { createSystemRuntime } from '#infrastructure/core/system-runtime.ts';
import { refusalOf } from '#tests/support/refused-start.ts';
import { SILENT } from '#tests/support/silent-logger.ts';
import { openPort } from './adapters.ts';
import { configOf } from './servers.testing.ts';

const OPTIONS = [
  ['cache', 'cache', (at: string, tls: boolean) => `redis://u:geheim@${at}/0?tls=${tls}`],
  [
    'portfolios',
    'portfolios',
    (at: string, tls: boolean) => `dynamodb://eu-central-1?endpoint=http${tls ? 's' : ''}://${at}`,
  ],
  ['history', 'history', (at: string, tls: boolean) => `opensearch://u:geheim@${at}?tls=${tls}`],
  ['history', 'history', (at: string, tls: boolean) => `elasticsearch://u:geheim@${at}?tls=${tls}`],
  ['analytics', 'analytics', (at: string, tls: boolean) => `clickhouse://u:geheim@${at}/db?tls=${tls}`],
  ['database', 'relational', (at: string, tls: boolean) => `postgres://u:geheim@${at}/db?tls=${tls}`],
] as const;

/** Takes each connection, and does with it what nobody expects. */
const OTHERS: Readonly<Record<string, () => Server>> = {
  'a page of something else': () =>
    createHttpServer((request, answer) => {
      request.resume();
      answer.writeHead(404, { 'content-type': 'text/html' }).end('<html>\nnothing here\n</html>');
    }),
  'a door that closes at once': () => createServer((socket) => socket.on('error', () => {}).destroy()),
  'another protocol': () =>
    createServer((socket) => {
      socket.on('error', () => {}).on('data', () => socket.write('\0\0\0\x08SSH-2.0\n'));
    }),
};

const folder = mkdtempSync(join(tmpdir(), 'tradehall-unreachable-'));
after(() => rmSync(folder, { recursive: true }));

async function sentence(option: string, port: (typeof OPTIONS)[number][1], url: string): Promise<string> {
  const { message } = await refusalOf(
    openPort(port, {
      folder: { file: (name) => join(folder, name) },
      config: configOf({ [option]: url }),
      runtime: createSystemRuntime(),
      logger: SILENT,
      metrics: createPrometheusMetrics({ processFigures: false }),
    }),
  );
  return message;
}

describe('the start ends with one sentence', () => {
  let listening: readonly (readonly [string, Server])[] = [];
  before(async () => {
    process.env['AWS_ACCESS_KEY_ID'] = 'geheim';
    process.env['AWS_SECRET_ACCESS_KEY'] = 'geheim';
    listening = Object.entries(OTHERS).map(([what, make]) => [what, make().listen(0, '127.0.0.1')]);
    await Promise.all(listening.map(([, server]) => once(server, 'listening')));
  });
  after(() => {
    for (const [, server] of listening) server.close();
  });
  const at = (server: Server) => `127.0.0.1:${(server.address() as AddressInfo).port}`;

  for (const [option, port, urlOf] of OPTIONS) {
    const [scheme = ''] = urlOf('', false).split(':');
    test(`${scheme}: it names option, server and where to look, and holds no password`, async () => {
      const meetings = listening.flatMap(([what, server]) => [
        [what, at(server), false] as const,
        [`${what}, by TLS`, at(server), true] as const,
      ]);
      for (const [what, address, tls] of [['nobody', '127.0.0.1:1', false] as const, ...meetings]) {
        const told = await sentence(option, port, urlOf(address, tls));
        const shown = `${scheme}, ${what}: ${told}`;
        assert.ok(told.startsWith(`The option ${option}: `), shown);
        assert.ok(told.includes(address), shown);
        assert.doesNotMatch(told, /\n|geheim/, shown);
        // What answered in its own words was asked as it should be.
        if (!/refuses the call/.test(told)) assert.match(told, /look whether it runs|look at \?tls=/, shown);
      }
    });
  }
});
