/** Which keys the embedded log takes, by the words of its limits: text that UTF-8 can hold, without NUL, up to 1,024 bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RETAINED } from '../event-log.testing.ts';
import { openSqliteLogUnderTest } from './sqlite-log.testing.ts';

const key = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('', '\0', 'a\0', '\ud800', 'a\udfff', '\u007f', '\u0080', 'é'.repeat(512), 'é'.repeat(513)),
  fc.constantFrom('x'.repeat(1_024), 'x'.repeat(1_025)),
);

test('a key comes back as it was, or is refused for what UTF-8 or the limit cannot hold', async () => {
  const under = await openSqliteLogUnderTest();
  try {
    await under.log.ensureTopics([RETAINED]);
    await fc.assert(
      fc.asyncProperty(key, async (text) => {
        const record = { topic: RETAINED.name, partition: 0, key: text, value: null };
        const append = () => under.log.append([record]);
        if (Buffer.byteLength(text) > 1_024) {
          await assert.rejects(append, { code: 'LOG_RECORD_TOO_LARGE' });
        } else if (text.includes('\0') || !text.isWellFormed()) {
          await assert.rejects(append, { name: 'AssertionError' });
        } else {
          const [place] = await append();
          assert.ok(place);
          assert.equal((await under.log.read(place, 1))[0]?.key, text);
        }
      }),
      { numRuns: 200 },
    );
  } finally {
    await under.dispose();
  }
});
