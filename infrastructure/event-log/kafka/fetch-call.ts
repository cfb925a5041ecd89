/** One fetch from one broker, of what is committed: the protocol's request, and its answer with the batches as bytes. */
import type { Connection, Reader } from '@platformatic/kafka';
import type { ProtocolClient } from './protocol-client.ts';
import { type AbortedTransaction, type FetchedBatches, UnreadableBatch } from './record-batches.ts';

export interface WantedTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partition: number;
    /** As known here: a broker that knows another refuses. */
    readonly leaderEpoch: number;
    readonly offset: number;
  }[];
}

export interface PartitionAnswer extends FetchedBatches {
  readonly topicId: string;
  readonly partition: number;
  readonly errorCode: number;
  /** Everything committed is before it. */
  readonly stableEnd: number;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly partitions: readonly PartitionAnswer[];
}

/** How long a broker that has nothing waits for something. */
const WAIT_MS = 50;
/** Of one answer, and of one partition in it; a batch that alone is larger still comes. */
const ANSWER_BYTES = 8 * 1024 * 1024;
const PARTITION_BYTES = 1024 * 1024;

const READ_COMMITTED = 1;
/** Sessions spare the names of partitions in requests that are many: here they are one a second. */
const NO_SESSION = 0;
const NO_EPOCH = -1;

/** Rejects with what the client says, or with an `UnreadableBatch`. */
export function fetchCommitted(
  { fetchV13: { api, createRequest } }: ProtocolClient,
  connection: Connection,
  wanted: readonly WantedTopic[],
): Promise<FetchAnswer> {
  const topics = wanted.map(({ topicId, partitions }) => ({
    topicId,
    partitions: partitions.map(({ partition, leaderEpoch, offset }) => ({
      partition,
      currentLeaderEpoch: leaderEpoch,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: NO_EPOCH,
      partitionMaxBytes: PARTITION_BYTES,
    })),
  }));
  const request = () =>
    createRequest(WAIT_MS, 1, ANSWER_BYTES, READ_COMMITTED, NO_SESSION, NO_EPOCH, topics, [], '');
  return new Promise((resolve, reject) => {
    connection.send(api.key, api.version, request, readAnswer, true, true, (error, answer) => {
      // One that timed out comes with null, whatever its type says.
      if (answer === undefined || answer === null) reject(error);
      else resolve(answer);
    });
  });
}

function readAnswer(_correlation: number, _key: number, _version: number, reader: Reader): FetchAnswer {
  try {
    return parseAnswer(reader);
  } catch (cause) {
    throw new UnreadableBatch('an answer is none', { cause });
  }
}

/** As the client's own does, but batches stay bytes. */
function parseAnswer(reader: Reader): FetchAnswer {
  const throttleMs = 4;
  reader.skip(throttleMs);
  const errorCode = reader.readInt16();
  reader.readInt32();
  const partitions: PartitionAnswer[] = [];
  reader.readArray(() => {
    const topicId = reader.readUUID();
    reader.readArray(() => {
      const partition = reader.readInt32();
      const errorCode = reader.readInt16();
      reader.readInt64();
      const stableEnd = Number(reader.readInt64());
      reader.readInt64();
      const aborted = reader.readArray(
        (): AbortedTransaction => ({
          producerId: reader.readInt64(),
          firstOffset: Number(reader.readInt64()),
        }),
      );
      reader.readInt32();
      const bytes = reader.readNullableBytes() ?? Buffer.alloc(0);
      partitions.push({ topicId, partition, errorCode, stableEnd, aborted, bytes });
    });
  });
  return { errorCode, partitions };
}
