/** A group's positions: what they are, and moving them outside a transaction. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Position, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import type { HeldClient } from './held-client.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { CODE, codeOf } from './kafka-failures.ts';
import type { NativeConsumer, NativePosition } from './kafka-library.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';
import { beyondEnd, type LogEnds } from './log-ends.ts';

interface GroupParts {
  readonly connection: KafkaConnection;
  readonly prefix: string;
}

/** Without those of `places` where the group has none. Waits for a transaction that is under way and moves one of them. */
export async function committedPositions(
  { connection, prefix }: GroupParts,
  client: HeldClient<NativeConsumer>,
  places: readonly TopicPartition[],
): Promise<readonly Position[]> {
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
  return places.flatMap(({ topic, partition }) => {
    const offset = positions.get(chainKey(topic, partition));
    return offset === undefined ? [] : [{ topic, partition, offset }];
  });
}

export async function commitPositions(
  { connection, prefix, ends }: GroupParts & { readonly ends: LogEnds },
  client: HeldClient<NativeConsumer>,
  positions: readonly Position[],
): Promise<void> {
  const beyond = await ends.beyond(positions);
  if (beyond !== null) throw beyondEnd(beyond);
  await connection.read('commit_positions', () =>
    client.call<undefined>((native, callback) =>
      native.commitCb(
        positions.map(({ topic, partition, offset }) => ({ topic: prefix + topic, partition, offset })),
        (error) => callback(error, undefined),
      ),
    ),
  );
}
