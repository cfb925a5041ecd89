/** The groups of all brokers. */
import type { KafkaConnection } from './kafka-connection.ts';
import { CALL_TIMEOUT_MS } from './kafka-settings.ts';

/** Rejects when one broker does not tell its own: a group that is left out would pass for one that never read anything. */
export function groupIds(connection: KafkaConnection): Promise<readonly string[]> {
  return connection.ask((admin, callback) =>
    admin.listGroups({ timeout: CALL_TIMEOUT_MS }, (error, result) => {
      const failed = error ?? result.errors[0];
      if (failed === undefined)
        callback(
          null,
          result.groups.map(({ groupId }) => groupId),
        );
      else callback(failed, []);
    }),
  );
}
