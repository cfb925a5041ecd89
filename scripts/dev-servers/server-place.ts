/** Where one server of ours runs, and as what. Its data stay in the folder over restarts. */
export interface Place {
  readonly folder: string;
  /** Where its processes see that folder, and what to put before a command so that they do. */
  readonly own: { readonly folder: string; readonly via: readonly string[] };
  readonly port: number;
  /** For what the server needs besides. */
  readonly otherPort: number;
  /** Where clients are told to come, by those servers that tell them. */
  readonly advertisedPort: number;
  readonly password: string;
  /** A file of a private key and its certificate, PEM: Kafka, Redis and PostgreSQL then want TLS. */
  readonly certificate: string | null;
  /** Kafka only: one node of a cluster, rather than one that is all by itself. */
  readonly clusterNode: KafkaNode | null;
}

export interface KafkaNode {
  /** 0 is the controller, and nothing else; the others are brokers. */
  readonly id: number;
  readonly controllerPort: number;
  /** Replicas that have a record before it is acknowledged, of topics that do not say. */
  readonly minInSync: number;
}
