/**
 * In which compression the broker keeps the records of our topics: the one that we write. Librdkafka as it is compiled here
 * has no zstd, and a reader that comes upon such a batch stands before it for ever. A broker that is told a compression
 * unpacks what others have packed otherwise, and packs it anew; what comes as it is kept it leaves alone.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { ClusterAsked } from './in-sync-replicas.ts';
import { CODEC } from './kafka-settings.ts';

const SETTING = 'compression.type';
export const KEPT_COMPRESSION = { [SETTING]: CODEC } as const;

/**
 * Throws `LOG_COMPRESSION` where some of `topics`, which have their names on the cluster and are there, may hold what
 * cannot be read: somebody made them, or changed them.
 */
export async function requireKeptCompression(
  cluster: ClusterAsked,
  topics: readonly string[],
): Promise<void> {
  if (topics.length === 0) return;
  const asked = topics.map((name) => ({ of: 'topic', name, settings: [SETTING] }) as const);
  const answers = await cluster.settings(asked);
  const others = topics.filter((_name, at) => answers[at]?.get(SETTING) !== CODEC);
  if (others.length === 0) return;
  throw new OperatingError(
    'LOG_COMPRESSION',
    `${cluster.name} has topics of this log without ${SETTING}=${CODEC}: a record that another program compressed by zstd could not be read there, nor what came after it. ` +
      `Set it (for topic in ${others.join(' ')}; do kafka-configs.sh --alter --entity-type topics --entity-name $topic --add-config ${SETTING}=${CODEC}; done).`,
    { retry: 'never' },
  );
}
