/** Where a consumer begins in the partitions it is given. */
import assert from 'node:assert/strict';
import type { Logger } from '#infrastructure/core/log.ts';
import type { ConsumerSpec, Position, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import { committedPositions } from './group-positions.ts';
import type { HeldClient } from './held-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE, codeOf } from './kafka-failures.ts';
import type { NativeConsumer } from './kafka-library.ts';
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

/**
 * Of a member. Where its user seeks nothing is asked: the answer waits for a transaction that somebody left open. Throws
 * `LOG_TOPIC_MISMATCH` for a place that is not one of its topic as declared.
 */
export async function memberPositions(
  parts: ReadingParts,
  client: HeldClient<NativeConsumer>,
  places: readonly TopicPartition[],
): Promise<readonly Position[]> {
  // A group shares out what the broker has, and so what somebody has just added.
  parts.catalogue.requireDeclared(places);
  if (parts.spec.start === 'sought') return places.map((place) => ({ ...place, offset: 0 }));
  return await startPositions(parts, places, await committedPositions(parts, client, places));
}

export async function startPositions(
  { ends, spec, connection }: ReadingParts,
  places: readonly TopicPartition[],
  committed: readonly Position[],
): Promise<readonly Position[]> {
  const [firsts, lasts] = await Promise.all([ends.firstOffsets(places), ends.stableEnds(places)]);
  const given = typeof spec.start === 'string' ? [] : spec.start;
  assert(given.length === 0 || spec.group === null, 'a list of positions is for readers without a group');
  return places.map(({ topic, partition }) => {
    const key = chainKey(topic, partition);
    const first = firsts.get(key) ?? 0;
    const wanted = [...committed, ...given].find(
      (position) => position.topic === topic && position.partition === partition,
    );
    if (wanted !== undefined) return notBelow(first, wanted, spec.group, connection.logger);
    return { topic, partition, offset: spec.start === 'latest' ? (lasts.get(key) ?? 0) : first };
  });
}

/** False while others are given up and the client has not begun with this one: it is to be told again. */
export async function seekOnClient(
  prefix: string,
  client: HeldClient<NativeConsumer>,
  { topic, partition, offset }: Position,
): Promise<boolean> {
  try {
    await client.call<undefined>((native, callback) =>
      native.seek({ topic: prefix + topic, partition, offset }, CALL_TIMEOUT_MS, (error) =>
        callback(error, undefined),
      ),
    );
    return true;
  } catch (error) {
    if (codeOf(error) === CODE.state) return false;
    throw error;
  }
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
