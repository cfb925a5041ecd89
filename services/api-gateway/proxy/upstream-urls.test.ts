import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseUpstreamUrls, resolveUrls } from './upstream-urls.ts';

test('addresses are schemes, hosts and ports; what could carry more is refused, a password above all', () => {
  assert.equal(parseUpstreamUrls('http://10.0.0.7:8081, https://order.internal').kind, 'value');
  assert.deepEqual(parseUpstreamUrls(''), { kind: 'value', value: [] });
  for (const text of [
    'http://user@host:1',
    'http://user:password@host:1',
    'http://host:1/path',
    'http://host:1?query',
    'http://host:1#part',
    'ftp://host:1',
    'host:1',
  ]) {
    const parsed = parseUpstreamUrls(text);
    assert.equal(parsed.kind === 'refused' && parsed.rule, 'url', text);
  }
  const many = Array.from({ length: 65 }, (_, at) => `http://host:${at + 1}`).join(',');
  const parsed = parseUpstreamUrls(many);
  assert.equal(parsed.kind === 'refused' && parsed.rule, 'maxItems');
});

test('a name stands for its addresses, each once, and is what a certificate must have; one that is not known is named', async () => {
  const urls = ['https://two.internal:1', 'http://[::1]:2', 'http://10.0.0.7', 'http://gone.internal:3'];
  const found = await resolveUrls(
    [...urls, ...urls].map((url) => new URL(url)),
    async (host) => (host === 'two.internal' ? ['10.0.0.1', '10.0.0.2'] : Promise.reject(new Error(host))),
  );
  assert.deepEqual(found.addresses, [
    { origin: 'https://10.0.0.1:1', serverName: 'two.internal' },
    { origin: 'https://10.0.0.2:1', serverName: 'two.internal' },
    { origin: 'http://[::1]:2', serverName: null },
    { origin: 'http://10.0.0.7:80', serverName: null },
  ]);
  assert.deepEqual([...new Set(found.unresolved)], ['gone.internal']);
});
