import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { marketIngestionOptions } from './config.ts';

const { feed, replaySpeed } = marketIngestionOptions;

test('a feed is named with or without its colon', () => {
  for (const text of ['simulated', 'simulated:'])
    assert.deepEqual(feed.parse(text), { kind: 'value', value: { kind: 'simulated' } });
  for (const text of ['none', 'none:'])
    assert.deepEqual(feed.parse(text), { kind: 'value', value: { kind: 'none' } });
  assert.deepEqual(feed.parse('replay:C:/data/bars.csv'), {
    kind: 'value',
    value: { kind: 'replay', path: 'C:/data/bars.csv' },
  });
});

test('alpaca is refused with the news that it comes later, everything else with what is possible', () => {
  for (const text of ['alpaca', 'alpaca:', 'alpaca:x']) {
    const parsed = feed.parse(text);
    assert.ok(parsed.kind === 'refused' && /later release/.test(parsed.message));
  }
  for (const text of ['', 'replay', 'replay:', 'simulated:7', 'Simulated', `replay:${'x'.repeat(1_000)}`]) {
    assert.equal(feed.parse(text).kind, 'refused', text);
  }
});

test('a speed is max or a decimal above zero', () => {
  assert.deepEqual(replaySpeed.parse('max'), { kind: 'value', value: 'max' });
  assert.deepEqual(replaySpeed.parse('0.25'), { kind: 'value', value: 0.25 });
  for (const text of ['', '0', '0.0', '-1', '1e3', 'Infinity', 'NaN', ' 1', '1000000', 'MAX']) {
    assert.equal(replaySpeed.parse(text).kind, 'refused', text);
  }
});

test('no text makes an option throw', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      for (const option of Object.values(marketIngestionOptions))
        assert.ok(option.parse(text).kind.length > 0);
    }),
  );
});
