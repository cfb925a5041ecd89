/**
 * The groups of a log: of all that its brokers know, those with a position in one of its topics. On a cluster that others
 * use, and without a name in the address, those are few of many.
 *
 * Who has read what is asked of all groups together, by the second client: the first one has a position asked for by a
 * client of the group's own, with four threads, and its call for several may end the process.
 */
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { groupIds } from './group-ids.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { askByProtocol } from './protocol-client.ts';

const GROUPS_PER_REQUEST = 200;

/** Without the log's prefix, sorted. `topics` are as the cluster has them. */
export async function groupsOfLog(
  connection: KafkaConnection,
  prefix: string,
  topics: ReadonlySet<string>,
): Promise<readonly string[]> {
  const known = await connection.read('list_groups', () => groupIds(connection));
  const named = known.filter((id) => id.startsWith(prefix) && id !== prefix);
  const readers = await connection.read('list_offsets_of_groups', () =>
    readersOf(connection.address, named, topics),
  );
  return readers.map((id) => id.slice(prefix.length)).sort();
}

function readersOf(
  address: ServerAddress,
  groups: readonly string[],
  topics: ReadonlySet<string>,
): Promise<readonly string[]> {
  return askByProtocol(address, 'groups', async (admin) => {
    const readers: string[] = [];
    for (let from = 0; from < groups.length; from += GROUPS_PER_REQUEST) {
      const asked = groups.slice(from, from + GROUPS_PER_REQUEST);
      // Whether there is a position, which a transaction that is about to move it does not change.
      const told = await admin.listConsumerGroupOffsets({ groups: asked, requireStable: false });
      for (const group of told)
        if (group.topics.some(({ name }) => topics.has(name))) readers.push(group.groupId);
    }
    return readers;
  });
}
