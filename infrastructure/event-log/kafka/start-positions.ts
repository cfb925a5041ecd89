/** Where a consumer begins in the partitions it is given. */
import assert from 'node:assert/strict';
import type { Logger } from '#infrastructure/core/log.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ConsumerSpec, Position, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import type { HeldClient } from './held-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE, codeOf } from './kafka-failures.ts';
import type { NativeConsumer, NativePosition } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import type { LogEnds } from './log-ends.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

export interface ReadingParts {
  readonly connection: KafkaConnection;
  readonly catalogue: TopicCatalogue;
  readonly ends: LogEnds;
  readonly prefix: string;
  readonly spec: ConsumerSpec;
}

/** By `topic:partition`; missing where the group has none. */
export async function committedPositions(
  { connection, prefix }: Pick<ReadingParts, 'connection' | 'prefix'>,
  client: HeldClient<NativeConsumer>,
  places: readonly TopicPartition[],
): Promise<ReadonlyMap<string, number>> {
  const found = await connection.read('committed', async () => {
    const answers = await client.call<readonly (NativePosition | Error)[]>((native, callback) =>
      native.committed(
        places.map(({ topic, partition }) => ({ topic: prefix + topic, partition })),
        CALL_TIMEOUT_MS,
        callback,
      ),
    );
    return answers.map((answer) => {
      if (!(answer instanceof Error)) return answer;
      if (codeOf(answer) === CODE.unstableOffsetCommit) throw answer;
      // The coordinator does not know yet: that is not "none".
      throw new OperatingError(
        'LOG_UNAVAILABLE',
        `${connection.name} cannot tell a group's position (${answer.message}).`,
        { retry: 'retry', cause: answer },
      );
    });
  });
  const positions = new Map<string, number>();
  for (const { topic, partition, offset } of found) {
    if (typeof offset === 'number' && offset >= 0)
      positions.set(chainKey(topic.slice(prefix.length), partition), offset);
  }
  return positions;
}

/** Throws `LOG_TOPIC_MISMATCH` for a place that is not one of its topic as declared. */
export async function startPositions(
  { catalogue, ends, spec, connection }: ReadingParts,
  places: readonly TopicPartition[],
  committed: ReadonlyMap<string, number>,
): Promise<readonly Position[]> {
  // A group shares out what the broker has, and so what somebody has just added.
  catalogue.requireDeclared(places);
  const [firsts, lasts] = await Promise.all([ends.firstOffsets(places), ends.stableEnds(places)]);
  const given = typeof spec.start === 'string' ? [] : spec.start;
  assert(given.length === 0 || spec.group === null, 'a list of positions is for readers without a group');
  return places.map(({ topic, partition }) => {
    const key = chainKey(topic, partition);
    const first = firsts.get(key) ?? 0;
    const wanted =
      committed.get(key) ??
      given.find((position) => position.topic === topic && position.partition === partition)?.offset;
    if (wanted !== undefined)
      return notBelow(first, { topic, partition, offset: wanted }, spec.group, connection.logger);
    return { topic, partition, offset: spec.start === 'latest' ? (lasts.get(key) ?? 0) : first };
  });
}

/** `positions`, none of them below what retention has left. */
export async function readablePositions(
  { ends, connection }: Pick<ReadingParts, 'ends' | 'connection'>,
  positions: readonly Position[],
): Promise<readonly Position[]> {
  const firsts = await ends.firstOffsets(positions);
  return positions.map((position) => {
    const first = firsts.get(chainKey(position.topic, position.partition)) ?? 0;
    return notBelow(first, position, null, connection.logger);
  });
}

function notBelow(
  first: number,
  { topic, partition, offset: wanted }: Position,
  group: string | null,
  logger: Logger,
): Position {
  if (wanted >= first) return { topic, partition, offset: wanted };
  logger.warn(
    { group, topic, partition, position: wanted, firstOffset: first },
    'retention has removed records that this consumer had not read; it continues at the first one left',
  );
  return { topic, partition, offset: first };
}
