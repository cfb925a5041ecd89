/**
 * What topics and brokers are set to. A client of its own asks, since the binding of librdkafka has no call for it
 * (decision 25); it is loaded when somebody asks, that is at a start on topics that are there.
 */
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { askByProtocol } from './protocol-client.ts';

export interface SettingsAsked {
  readonly of: 'topic' | 'broker';
  /** As the cluster has it: of a broker its number. */
  readonly name: string;
  readonly settings: readonly string[];
}

/** By setting. */
export type SettingValues = ReadonlyMap<string, string>;

/** One for each of `asked`, none of them twice, in their order. Rejects with a `KafkaFailure`. */
export function readSettings(
  address: ServerAddress,
  asked: readonly SettingsAsked[],
): Promise<readonly SettingValues[]> {
  return askByProtocol(address, 'settings', async (admin, client) => {
    const { BROKER, TOPIC } = client.ConfigResourceTypes;
    const described = await admin.describeConfigs({
      resources: asked.map(({ of, name, settings }) => ({
        resourceType: of === 'topic' ? TOPIC : BROKER,
        resourceName: name,
        configurationKeys: [...settings],
      })),
    });
    return asked.map(({ of, name }) => {
      const type = of === 'topic' ? TOPIC : BROKER;
      const answer = described.find((each) => each.resourceType === type && each.resourceName === name);
      const values = (answer?.configs ?? []).map((config) => [config.name, config.value ?? ''] as const);
      return new Map(values);
    });
  });
}
