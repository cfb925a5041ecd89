import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { describeServer, parseServerUrl, type ServerScheme, withoutPassword } from './server-address.ts';

const REDIS: ServerScheme = {
  product: 'Redis',
  example: 'redis://localhost:6379/0',
  defaultPort: 6379,
  path: /^[0-9]{1,3}$/,
};
const KAFKA: ServerScheme = {
  product: 'Kafka',
  example: 'kafka://localhost:9092',
  defaultPort: 9092,
  manyHosts: true,
};

test('a URL comes apart: hosts, credentials, path, parameters', () => {
  assert.deepEqual(parseServerUrl('redis://ada:p%40ss%2Fword@cache.example:1/3?tls=true', REDIS), {
    kind: 'value',
    value: {
      hosts: [{ host: 'cache.example', port: 1 }],
      username: 'ada',
      password: 'p@ss/word',
      path: '3',
      tls: true,
      parameters: {},
    },
  });
  const many = parseServerUrl('kafka://a:1,[::1]:2,c', KAFKA);
  assert.ok(many.kind === 'value');
  assert.equal(describeServer('Kafka', many.value), 'Kafka at a:1,::1:2,c:9092');
});

describe('a URL that is not understood is refused, and the sentence does not repeat it', () => {
  for (const [url, sentence] of [
    ['redis:', /is no URL; it looks like redis:\/\/localhost:6379\/0/],
    ['redis://', /must name its host/],
    ['redis://secret:70000', /port as a number from 1 to 65535/],
    ['redis://secret:0', /port as a number/],
    ['redis://secret:x', /port as a number/],
    ['redis://a,secret', /names more than one host/],
    ['redis://u:se/cret@host', /must name its host|is no URL/],
    ['redis://u:%zzsecret@host', /percent-encoded/],
    ['redis://host/secret', /path that is not understood/],
    ['redis://host?secret=1', /parameter that is not known; there are tls/],
    ['redis://host?tls=secret', /a value of tls that is not understood/],
    ['redis://host?tls=true&tls=false', /given twice/],
  ] as const) {
    test(url, () => {
      const parsed = parseServerUrl(url, REDIS);
      assert.ok(parsed.kind === 'refused');
      assert.match(parsed.message, sentence);
      assert.doesNotMatch(parsed.message, /secret|cret@/);
    });
  }
});

test('credentials are refused where the server takes none', () => {
  const parsed = parseServerUrl('kafka://u:p@host', { ...KAFKA, credentials: false });
  assert.equal(parsed.kind, 'refused');
});

test('any password comes through, and is not in what is shown', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (password) => {
      const url = `redis://ada:${encodeURIComponent(password)}@host`;
      const parsed = parseServerUrl(url, REDIS);
      assert.ok(parsed.kind === 'value');
      assert.equal(parsed.value.password, password);
      assert.equal(withoutPassword(url), 'redis://ada:(hidden)@host');
    }),
  );
  assert.equal(withoutPassword('redis://host:1/0'), 'redis://host:1/0');
});
