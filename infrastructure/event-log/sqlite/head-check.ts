/**
 * Before a log is used: does it still reach as far as it once did? Going on with a log that lost its tail would write
 * other records at the offsets of the lost ones.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogHeads } from './log-heads.ts';
import { HEADS_FILE } from './schema.ts';
import type { TopicRegistry } from './topic-registry.ts';

function damaged(message: string): OperatingError {
  return new OperatingError('LOG_DAMAGED', message, { retry: 'never' });
}

/** Without heads, only an empty log is above doubt: whoever cuts a tail might remove what would show it. */
export function assertEmpty(registry: TopicRegistry, directory: string): void {
  const empty = registry.all().every((topic) => topic.partitions.every(({ nextOffset }) => nextOffset === 0));
  if (empty) return;
  throw damaged(
    `The file ${HEADS_FILE} beside the event log in ${directory} is missing or empty, so a cut tail could not be told. Restore both from a backup.`,
  );
}

export function assertReachesHeads(registry: TopicRegistry, heads: LogHeads, directory: string): void {
  const topics = new Map(registry.all().map((topic) => [topic.spec.name, topic]));
  for (const head of heads.all()) {
    const nextOffset = topics.get(head.topic)?.partitions[head.partition]?.nextOffset ?? 0;
    if (nextOffset >= head.nextOffset) continue;
    throw damaged(
      `The event log in ${directory} ends at offset ${nextOffset} of ${head.topic}/${head.partition}, but it once reached ${head.nextOffset}. Run \`tradehall verify\`, and restore from a backup.`,
    );
  }
}
