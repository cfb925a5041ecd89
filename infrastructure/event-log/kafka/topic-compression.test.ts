/** Topics in which a record could not be read stop the start, with the command that changes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SettingsAsked } from './cluster-settings.ts';
import { requireKeptCompression } from './topic-compression.ts';

/** As each topic is set. */
function check(compressions: Readonly<Record<string, string>>): Promise<void> {
  const settings = async (asked: readonly SettingsAsked[]) => {
    assert.notEqual(asked.length, 0, 'nobody is asked for nothing');
    return asked.map(({ name }) => new Map(Object.entries({ 'compression.type': compressions[name] ?? '' })));
  };
  return requireKeptCompression({ name: 'Kafka at a:9092', settings }, Object.keys(compressions));
}

test('topics that are kept in the compression that we write pass, and so does a log without any', async () => {
  await check({ 'p.orders': 'lz4', 'p.states': 'lz4' });
  await check({});
});

test('those that are kept as they come, or otherwise, are named in one command', async () => {
  await assert.rejects(check({ 'p.orders': 'producer', 'p.states': 'lz4', 'p.prices': 'zstd' }), {
    code: 'LOG_COMPRESSION',
    retry: 'never',
    message:
      /^Kafka at a:9092 has topics .* \(for topic in p\.orders p\.prices; do kafka-configs\.sh .* --add-config compression\.type=lz4; done\)\.$/,
  });
});
