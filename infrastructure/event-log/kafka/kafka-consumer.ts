/**
 * One consumer of a log on Kafka: a member of a group, or a reader of every partition by itself.
 *
 * The client is only asked while its user polls, so a member that hangs loses its partitions as the broker and the
 * client see to it. What a rebalance says waits until the user has been told:
 *
 *   assign   ─▶ positions are looked up ─▶ poll: `assigned` ─▶ next poll: fetching begins (a seek before it counts)
 *   assign, where they are sought ─▶ poll: `assigned` ─▶ next poll: assigned and paused ─▶ seek: fetching begins
 *   revoke   ─▶ poll: `revoked`, commits still count     ─▶ next poll: given up
 */
import assert from 'node:assert/strict';
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { Consumer, LogRecord, Polled, Position, TopicPartition } from '../event-log.ts';
import { chainKey } from '../seal.ts';
import type { ConsumerHooks, Fetch, KafkaConsumerParts, Rebalance } from './consumer-parts.ts';
import { logRecord } from './end-reader.ts';
import { commitPositions, committedPositions } from './group-positions.ts';
import type { HeldClient } from './held-client.ts';
import { CODE, codeOf, codeOfEvent } from './kafka-failures.ts';
import {
  isKafkaFailure,
  type KafkaFailure,
  type NativeConsumer,
  type NativeMessage,
  type NativePartition,
} from './kafka-library.ts';
import { memberPositions, seekOnClient, startPositions } from './start-positions.ts';

/** How often a waiting poll looks by itself: for the client, being asked is being alive. */
const LOOK_MS = 1_000;
const JOIN_LOOK_MS = 100;
/** A member that was given nothing for so long reports that it has nothing. */
const JOIN_PATIENCE_MS = 3_000;

export class KafkaConsumer implements Consumer {
  readonly #parts: KafkaConsumerParts;
  readonly #client: HeldClient<NativeConsumer>;
  readonly #askedSinceMs: number;
  readonly #fetches = new Map<string, Fetch & TopicPartition>();
  readonly #rebalances: Rebalance[] = [];
  #leaving: readonly TopicPartition[] = [];
  /** Told as revoked or about to be: back-pressure for them is harmless. */
  readonly #gone = new Set<string>();
  readonly #seeks = new Map<string, Position>();
  #pendingAssignment: readonly Position[] | null = null;
  #failure: KafkaFailure | null = null;
  #reportedAssignment = false;
  #polling = false;
  #closed: Promise<void> | null = null;
  #signalled = false;
  #wake: (() => void) | null = null;

  private constructor(parts: KafkaConsumerParts, client: HeldClient<NativeConsumer>, hooks: ConsumerHooks) {
    hooks.onData = () => this.#signal();
    hooks.onRebalance = (event, places) => this.#onRebalance(event, places);
    this.#parts = parts;
    this.#client = client;
    this.#askedSinceMs = parts.connection.runtime.clock.monotonicMs();
    client.now((native) =>
      native.on('event.error', (error) => {
        if (![CODE.fatal, CODE.unsupportedFeature].some((code) => code === codeOfEvent(error))) return;
        this.#failure ??= error;
        this.#signal();
      }),
    );
  }

  static async open(parts: KafkaConsumerParts): Promise<KafkaConsumer> {
    const { connection, spec } = parts;
    for (const topic of spec.topics) parts.catalogue.count(topic);
    const hooks: ConsumerHooks = { onData: () => {}, onRebalance: () => {} };
    const client = await connection.consumer('consumer', {
      ...parts.settings,
      queue_non_empty_cb: () => hooks.onData(),
      rebalance_cb: (...told: Parameters<ConsumerHooks['onRebalance']>) => hooks.onRebalance(...told),
    });
    const consumer = new KafkaConsumer(parts, client, hooks);
    try {
      if (spec.group === null) {
        const places = spec.topics.flatMap((topic) => parts.catalogue.places(topic));
        consumer.#pendingAssignment = await startPositions(parts, places, []);
      } else client.now((native) => native.subscribe(spec.topics.map((topic) => parts.prefix + topic)));
    } catch (error) {
      await consumer.close();
      throw connection.failed(error);
    }
    return consumer;
  }

  #signal(): void {
    this.#signalled = true;
    this.#wake?.();
  }

  #onRebalance(event: KafkaFailure, native: readonly NativePartition[]): void {
    const places = native.map(({ topic, partition }) => ({
      topic: topic.slice(this.#parts.prefix.length),
      partition,
    }));
    if (this.#closed !== null) {
      this.#answer(() => this.#client.whileClosing((client) => client.incrementalUnassign(native)));
      return;
    }
    const kind = event.code === CODE.assignPartitions ? 'assign' : 'revoke';
    const lost = kind === 'revoke' && this.#client.now((consumer) => consumer.assignmentLost());
    this.#rebalances.push({ kind, places, lost });
    this.#signal();
  }

  /** The client may wait for this while it leaves its group, or be past it. */
  #answer(task: () => void): void {
    try {
      task();
    } catch (error) {
      if (!isKafkaFailure(error)) throw error;
      this.#parts.connection.logger.debug(
        { error: error.message },
        'a consumer was gone before its partitions',
      );
    }
  }

  async poll(options: { readonly maxRecords: number; readonly signal: AbortSignal }): Promise<Polled> {
    assert(!this.#polling, 'one poll at a time');
    assert(options.maxRecords > 0, 'a poll asks for at least one record');
    this.#polling = true;
    const onAbort = () => this.#signal();
    options.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await this.#poll(options.maxRecords, options.signal);
    } catch (error) {
      throw this.#parts.connection.failed(error);
    } finally {
      options.signal.removeEventListener('abort', onAbort);
      this.#polling = false;
    }
  }

  async #poll(maxRecords: number, signal: AbortSignal): Promise<Polled> {
    this.#giveUp();
    for (;;) {
      if (this.#closed !== null || signal.aborted) return { kind: 'ended' };
      if (this.#failure !== null) {
        this.#couldNotJoin();
        throw this.#parts.connection.unavailable(`ended this consumer (${this.#failure.message})`);
      }
      const change = await this.#change();
      if (change !== null) return change;
      if (this.#isOver()) continue;
      await this.#begin();
      await this.#seek();
      if (this.#isOver()) continue;
      this.#signalled = false;
      const messages = await this.#consume(maxRecords);
      const records = this.#taken(messages);
      if (records.length > 0) return { kind: 'records', records };
      if (messages.length === 0 && !this.#signalled) await this.#wait(signal);
    }
  }

  /** A method, since it changes while others are awaited. */
  #isOver(): boolean {
    return this.#closed !== null;
  }

  /** A broker without the newer protocol ends its members as they join, and does not say why. */
  #couldNotJoin(): void {
    if (!this.#reportedAssignment && this.#parts.spec.group !== null) this.#parts.onUnsupported();
  }

  /** What was revoked is the next member's now. */
  #giveUp(): void {
    if (this.#leaving.length === 0) return;
    for (const { topic, partition } of this.#leaving) this.#fetches.delete(chainKey(topic, partition));
    const places = this.#placesOnBroker(this.#leaving);
    this.#client.now((native) => native.incrementalUnassign(places));
    this.#leaving = [];
    this.#gone.clear();
  }

  #placesOnBroker(places: readonly TopicPartition[]): readonly NativePartition[] {
    return places.map(({ topic, partition }) => ({ topic: this.#parts.prefix + topic, partition }));
  }

  async #change(): Promise<Polled | null> {
    const { group } = this.#parts.spec;
    if (this.#pendingAssignment !== null) {
      const partitions = this.#pendingAssignment;
      this.#pendingAssignment = null;
      return this.#assigned(partitions);
    }
    // It stays until it is answered, since a client that closes waits for that.
    const [rebalance] = this.#rebalances;
    if (rebalance === undefined) {
      if (this.#reportedAssignment || group === null) return null;
      return (await this.#waitsForOthers()) ? this.#assigned([]) : null;
    }
    if (rebalance.kind === 'revoke') {
      for (const place of rebalance.places) {
        const key = chainKey(place.topic, place.partition);
        if (rebalance.lost) this.#fetches.delete(key);
        this.#gone.add(key);
        this.#seeks.delete(key);
      }
      this.#rebalances.shift();
      this.#leaving = rebalance.places;
      return { kind: 'revoked', partitions: rebalance.places, lost: rebalance.lost };
    }
    if (rebalance.places.length === 0) {
      this.#rebalances.shift();
      this.#client.now((native) => native.incrementalAssign([]));
      return this.#reportedAssignment ? null : this.#assigned([]);
    }
    const positions = await memberPositions(this.#parts, this.#client, rebalance.places);
    if (this.#isOver()) return null;
    this.#rebalances.shift();
    return this.#assigned(positions);
  }

  #assigned(partitions: readonly Position[]): Polled {
    this.#reportedAssignment = true;
    const held = this.#parts.spec.start === 'sought';
    for (const { topic, partition, offset } of partitions) {
      const fetch = { topic, partition, offset, paused: false, held, begun: false };
      this.#fetches.set(chainKey(topic, partition), fetch);
      this.#parts.ends.noteSeen(topic, partition, offset);
    }
    return { kind: 'assigned', partitions };
  }

  /**
   * Whether this is a member with nothing to take now. The newer protocol says nothing to one whose partitions are all in
   * other hands; what it is given later is told then. (Asking the broker who the members are ends the process: the
   * binding cannot read the answer of a group without an assignor.)
   */
  async #waitsForOthers(): Promise<boolean> {
    const { connection } = this.#parts;
    if (connection.runtime.clock.monotonicMs() - this.#askedSinceMs < JOIN_PATIENCE_MS) return false;
    const [topic = ''] = this.#parts.spec.topics;
    // The group's coordinator answers, so it has heard of this member. Of a partition that is not there no transaction
    // moves the position, which it would wait for.
    const nowhere = { topic, partition: this.#parts.catalogue.count(topic) };
    await committedPositions(this.#parts, this.#client, [nowhere]);
    return this.#rebalances.length === 0;
  }

  /** Fetching begins where it was told, or where a seek has put it since. */
  async #begin(): Promise<void> {
    const fresh = [...this.#fetches.values()].filter(({ begun }) => !begun);
    if (fresh.length === 0) return;
    const positions = fresh.map(({ topic, partition, offset }) => ({
      topic: this.#parts.prefix + topic,
      partition,
      offset,
    }));
    this.#client.now((native) =>
      this.#parts.spec.group === null ? native.assign(positions) : native.incrementalAssign(positions),
    );
    for (const fetch of fresh) fetch.begun = true;
    const paused = fresh.filter(({ paused, held }) => paused || held);
    if (paused.length > 0) this.#client.now((native) => native.pause(this.#placesOnBroker(paused)));
  }

  async #seek(): Promise<void> {
    for (const [key, position] of [...this.#seeks]) {
      const told = await seekOnClient(this.#parts.prefix, this.#client, position);
      if (!told || this.#seeks.get(key) !== position) continue;
      this.#seeks.delete(key);
      const fetch = this.#fetches.get(key);
      if (fetch?.held !== true) continue;
      fetch.held = false;
      if (!fetch.paused) this.#client.now((native) => native.resume(this.#placesOnBroker([position])));
    }
  }

  async #consume(count: number): Promise<readonly NativeMessage[]> {
    try {
      return await this.#client.call<readonly NativeMessage[]>((native, callback) =>
        native.consume(count, callback),
      );
    } catch (error) {
      // The client rejoins by itself; what it lost comes as a rebalance.
      if (codeOf(error) === CODE.maxPollExceeded) return [];
      if (codeOf(error) === CODE.fatal) this.#couldNotJoin();
      throw error;
    }
  }

  #taken(messages: readonly NativeMessage[]): readonly LogRecord[] {
    const records: LogRecord[] = [];
    for (const message of messages) {
      const record = logRecord(message, this.#parts.prefix);
      const fetch = this.#fetches.get(chainKey(record.topic, record.partition));
      // What was on its way when its partition was revoked is read again by the next member.
      if (fetch === undefined || fetch.held) continue;
      fetch.offset = record.offset + 1;
      records.push(record);
    }
    for (const { topic, partition, offset } of records)
      this.#parts.ends.noteSeen(topic, partition, offset + 1);
    return records;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#isOver()) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    const joining = !this.#reportedAssignment && this.#parts.spec.group !== null;
    await this.#parts.connection.runtime.timers.sleep(joining ? JOIN_LOOK_MS : LOOK_MS, woken.signal);
    this.#wake = null;
  }

  async commit(positions: readonly Position[]): Promise<void> {
    const { spec } = this.#parts;
    assert(spec.group !== null, 'a consumer without a group has no positions to commit');
    if (positions.length === 0) return;
    const refused = positions.find(
      ({ topic, partition }) => this.#closed !== null || !this.#fetches.has(chainKey(topic, partition)),
    );
    if (refused !== undefined) {
      const message = `Group ${spec.group} has given ${refused.topic}/${refused.partition} to another member; its position cannot be committed here.`;
      throw new OperatingError('LOG_NOT_ASSIGNED', message, { retry: 'never' });
    }
    await commitPositions(this.#parts, this.#client, positions);
  }

  /** `null` for a partition that is being taken away: its user may not have heard of that yet. */
  #fetchOf(place: TopicPartition): (Fetch & TopicPartition) | null {
    const key = chainKey(place.topic, place.partition);
    const fetch = this.#fetches.get(key);
    if (fetch !== undefined) return fetch;
    if (this.#gone.has(key) || this.#closed !== null) return null;
    throw new OperatingError(
      'LOG_NOT_ASSIGNED',
      `${place.topic}/${place.partition} is not assigned to this consumer.`,
      { retry: 'never' },
    );
  }

  seek(position: Position): void {
    const fetch = this.#fetchOf(position);
    if (fetch === null) return;
    fetch.offset = position.offset;
    if (fetch.begun) this.#seeks.set(chainKey(position.topic, position.partition), position);
    else fetch.held = false;
    this.#signal();
  }

  pause(place: TopicPartition): void {
    const fetch = this.#fetchOf(place);
    if (fetch === null || fetch.paused) return;
    fetch.paused = true;
    if (fetch.begun) this.#client.now((native) => native.pause(this.#placesOnBroker([place])));
  }

  resume(place: TopicPartition): void {
    const fetch = this.#fetchOf(place);
    if (fetch?.paused !== true) return;
    fetch.paused = false;
    if (fetch.begun && !fetch.held)
      this.#client.now((native) => native.resume(this.#placesOnBroker([place])));
    this.#signal();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#signal();
    this.#acknowledgeAll();
    this.#fetches.clear();
    this.#parts.onClosed();
    await this.#client.close();
  }

  /** The client waits for an answer to every rebalance that it told of, for ever, before it disconnects. */
  #acknowledgeAll(): void {
    const unbegun = [...this.#fetches.values()].filter(({ begun }) => !begun);
    if (this.#parts.spec.group === null) return;
    this.#answer(() => this.#giveUp());
    if (unbegun.length > 0)
      this.#answer(() =>
        this.#client.now((native) => native.incrementalAssign(this.#placesOnBroker(unbegun))),
      );
    for (const { kind, places } of this.#rebalances.splice(0)) {
      const onBroker = this.#placesOnBroker(places);
      this.#answer(() =>
        this.#client.now((native) =>
          kind === 'assign' ? native.incrementalAssign(onBroker) : native.incrementalUnassign(onBroker),
        ),
      );
    }
  }
}
