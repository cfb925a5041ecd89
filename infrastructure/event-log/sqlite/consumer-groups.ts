/**
 * Consumer groups within one process: which member owns which partition, and handing them over.
 *
 *   free ─assign─▶ owned ─revoke─▶ leaving ─acknowledged (the member's next poll) or lost (too slow)─▶ free
 *
 * Partitions of a topic are dealt in ranges over its members in the order they joined, so topics with equal
 * partition counts are dealt alike. Only what changes owner is revoked; the new owner gets it when the former one
 * has had its chance to commit.
 */
import type { Runtime } from '#infrastructure/core/runtime.ts';
import type { PartitionState, TopicState } from './topic-registry.ts';

export interface GroupMember {
  readonly topics: readonly TopicState[];
  onAssigned(partitions: readonly PartitionState[]): void;
  /** The member reports the revocation to its user and later calls `acknowledge`. */
  onRevoked(partitions: readonly PartitionState[]): void;
  onLost(partitions: readonly PartitionState[]): void;
}

interface Ownership {
  readonly member: GroupMember;
  leaving: AbortController | null;
}

export class ConsumerGroup {
  readonly #members: GroupMember[] = [];
  readonly #owners = new Map<PartitionState, Ownership>();
  readonly #runtime: Runtime;
  readonly #handOverMs: number;

  constructor(runtime: Runtime, handOverMs: number) {
    this.#runtime = runtime;
    this.#handOverMs = handOverMs;
  }

  get empty(): boolean {
    return this.#members.length === 0;
  }

  join(member: GroupMember): void {
    this.#members.push(member);
    this.#rebalance();
  }

  leave(member: GroupMember): void {
    const at = this.#members.indexOf(member);
    if (at < 0) return;
    this.#members.splice(at, 1);
    for (const [partition, ownership] of this.#owners) {
      if (ownership.member !== member) continue;
      ownership.leaving?.abort();
      this.#owners.delete(partition);
    }
    this.#rebalance();
  }

  owns(member: GroupMember, partition: PartitionState): boolean {
    return this.#owners.get(partition)?.member === member;
  }

  /** The member has done what it wanted to do with partitions revoked from it. */
  acknowledge(member: GroupMember, partitions: readonly PartitionState[]): void {
    let freed = false;
    for (const partition of partitions) {
      const ownership = this.#owners.get(partition);
      if (ownership?.member !== member || ownership.leaving === null) continue;
      ownership.leaving.abort();
      this.#owners.delete(partition);
      freed = true;
    }
    if (freed) this.#rebalance();
  }

  #targets(): Map<PartitionState, GroupMember> {
    const targets = new Map<PartitionState, GroupMember>();
    const topics = new Set(this.#members.flatMap((member) => member.topics));
    for (const topic of topics) {
      const members = this.#members.filter((member) => member.topics.includes(topic));
      for (const partition of topic.partitions) {
        const member = members[Math.floor((partition.partition * members.length) / topic.partitions.length)];
        if (member !== undefined) targets.set(partition, member);
      }
    }
    return targets;
  }

  #rebalance(): void {
    const assigned = new Map<GroupMember, PartitionState[]>(this.#members.map((member) => [member, []]));
    const revoked = new Map<GroupMember, PartitionState[]>();
    for (const [partition, target] of this.#targets()) {
      const ownership = this.#owners.get(partition);
      if (ownership === undefined) {
        this.#owners.set(partition, { member: target, leaving: null });
        assigned.get(target)?.push(partition);
      } else if (ownership.member !== target && ownership.leaving === null) {
        ownership.leaving = new AbortController();
        const leaving = revoked.get(ownership.member);
        if (leaving === undefined) revoked.set(ownership.member, [partition]);
        else leaving.push(partition);
      }
    }
    for (const [member, partitions] of revoked) {
      void this.#awaitHandOver(member, partitions);
      member.onRevoked(partitions);
    }
    for (const [member, partitions] of assigned) member.onAssigned(partitions);
  }

  async #awaitHandOver(member: GroupMember, partitions: readonly PartitionState[]): Promise<void> {
    const waiting = partitions.flatMap((partition) => {
      const leaving = this.#owners.get(partition)?.leaving;
      return leaving ? [{ partition, signal: leaving.signal }] : [];
    });
    const [first] = waiting;
    if (first === undefined) return;
    // All of them are acknowledged together, so the first one's signal stands for all.
    await this.#runtime.timers.sleep(this.#handOverMs, first.signal);
    const lost = waiting.filter(({ signal }) => !signal.aborted).map(({ partition }) => partition);
    if (lost.length === 0) return;
    for (const partition of lost) this.#owners.delete(partition);
    member.onLost(lost);
    this.#rebalance();
  }
}
