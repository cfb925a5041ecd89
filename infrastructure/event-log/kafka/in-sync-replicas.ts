/**
 * Whether a cluster acknowledges only what two of its replicas have. Ours are made that way; somebody else may have made a
 * topic, or changed it, and the brokers make their own, in which positions and commits are.
 */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { SettingsAsked, SettingValues } from './cluster-settings.ts';

export const REPLICAS = 3;
export const MIN_IN_SYNC = 2;
const IN_SYNC = 'min.insync.replicas';
const ADD_IN_SYNC = `--add-config ${IN_SYNC}=${MIN_IN_SYNC}`;

interface BrokersTopic {
  readonly name: string;
  /** Of the brokers, from which they make it at its first use, and how much each has to be. */
  readonly madeBy: Readonly<Record<string, number>>;
}

/** Commits are lost with them. */
export const BROKERS_TOPICS: readonly BrokersTopic[] = [
  {
    name: '__transaction_state',
    madeBy: {
      'transaction.state.log.replication.factor': REPLICAS,
      'transaction.state.log.min.isr': MIN_IN_SYNC,
    },
  },
  {
    name: '__consumer_offsets',
    madeBy: { 'offsets.topic.replication.factor': REPLICAS, [IN_SYNC]: MIN_IN_SYNC },
  },
];

export interface ClusterAsked {
  /** `Kafka at host:9092`. */
  readonly name: string;
  /** One for each of `asked`, in their order. */
  settings(asked: readonly SettingsAsked[]): Promise<readonly SettingValues[]>;
}

/**
 * Throws `LOG_NOT_REPLICATED` for the first of `topics` that acknowledges with fewer replicas, or of the brokers' own, as
 * they are or as they will be made. `topics` have their names on the cluster and are there; `isThere` tells of the others.
 */
export async function requireInSyncReplicas(
  cluster: ClusterAsked,
  topics: readonly string[],
  brokerIds: readonly number[],
  isThere: (topic: string) => boolean,
): Promise<void> {
  const made = BROKERS_TOPICS.filter(({ name }) => isThere(name));
  const unmade = BROKERS_TOPICS.filter(({ name }) => !isThere(name));
  const questions = [
    ...[...topics, ...made.map(({ name }) => name)].map((name) => topicQuestion(name)),
    // A broker answers once, however often it is named.
    ...(unmade.length === 0 ? [] : brokerIds.map((id) => brokerQuestion(id, unmade))),
  ];
  const answers = await cluster.settings(
    questions.map(({ of, name, wants }) => ({ of, name, settings: wants.map(({ setting }) => setting) })),
  );
  for (const [index, { wants }] of questions.entries()) {
    for (const { setting, least, subject, remedy } of wants) {
      const value = answers[index]?.get(setting);
      if (Number(value) >= least) continue;
      throw notReplicated(
        `${cluster.name} has ${subject} with ${setting}=${value ?? 'unknown'}: what was acknowledged may be lost with one broker. ` +
          `Set it to ${least} (${remedy})`,
      );
    }
  }
}

interface Question extends Pick<SettingsAsked, 'of' | 'name'> {
  readonly wants: readonly Want[];
}

interface Want {
  readonly setting: string;
  readonly least: number;
  /** Whose it is, in a sentence. */
  readonly subject: string;
  /** How a person changes it. */
  readonly remedy: string;
}

function topicQuestion(name: string): Question {
  const remedy = `kafka-configs.sh --alter --entity-type topics --entity-name ${name} ${ADD_IN_SYNC}`;
  return {
    of: 'topic',
    name,
    wants: [{ setting: IN_SYNC, least: MIN_IN_SYNC, subject: `the topic ${name}`, remedy }],
  };
}

function brokerQuestion(id: number, makes: readonly BrokersTopic[]): Question {
  return {
    of: 'broker',
    name: String(id),
    wants: makes.flatMap(({ name, madeBy }) =>
      Object.entries(madeBy).map(([setting, least]) => ({
        setting,
        least,
        subject: `broker ${id}, which makes ${name} at its first use,`,
        remedy:
          setting === IN_SYNC
            ? `kafka-configs.sh --alter --entity-type brokers --entity-default ${ADD_IN_SYNC}`
            : "every broker's own properties",
      })),
    ),
  };
}

export function notReplicated(sentence: string): OperatingError {
  return new OperatingError('LOG_NOT_REPLICATED', `${sentence}.`, { retry: 'never' });
}
