/** What a Kafka of ours is told: one that is all by itself, or one node of a cluster. */
import { join } from 'node:path';
import type { KafkaNode, Place } from './server-place.ts';

export function kafkaProperties(place: Place): string {
  return place.clusterNode === null ? aloneProperties(place) : nodeProperties(place, place.clusterNode);
}

function aloneProperties({ folder, port, otherPort, advertisedPort, certificate, password }: Place): string {
  // What the broker says to itself does not go by the way of its clients, which may be cut.
  const others = `INTERNAL://127.0.0.1:0,CONTROLLER://127.0.0.1:${otherPort}`;
  return `process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:${otherPort}
listeners=CLIENTS://127.0.0.1:${port},${others}
advertised.listeners=CLIENTS://127.0.0.1:${advertisedPort},${others}
listener.security.protocol.map=CLIENTS:${certificate === null ? 'PLAINTEXT' : 'SASL_SSL'},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT
${certificate === null ? '' : kafkaSecurity(certificate, password)}
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
log.dirs=${join(folder, 'data')}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
# Compacted early, and so loaded in a moment: see docs/servers.md, "Groups that do not load".
offsets.topic.segment.bytes=1048576
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.state.log.segment.bytes=1048576
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# The broker's defaults leave the partitions of a dead member idle for 45 s.
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
`;
}

/** As brokers are by themselves, but for how few partitions their own topics have, and how many replicas acknowledge. */
function nodeProperties({ folder, port }: Place, { id, controllerPort, minInSync }: KafkaNode): string {
  const role =
    id === 0
      ? `process.roles=controller
listeners=CONTROLLER://127.0.0.1:${controllerPort}`
      : `process.roles=broker
listeners=CLIENTS://127.0.0.1:${port}
advertised.listeners=CLIENTS://127.0.0.1:${port}
inter.broker.listener.name=CLIENTS`;
  return `${role}
node.id=${id}
controller.quorum.voters=0@127.0.0.1:${controllerPort}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=${join(folder, 'data')}
auto.create.topics.enable=false
min.insync.replicas=${minInSync}
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
`;
}

function kafkaSecurity(certificate: string, password: string): string {
  const login = 'org.apache.kafka.common.security.plain.PlainLoginModule';
  return `ssl.keystore.type=PEM
ssl.keystore.location=${certificate}
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config=${login} required user_tradehall="${password}";
`;
}
