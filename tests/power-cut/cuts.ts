/** Where the power is cut in a recording: the moments that matter, in turn, and at each what the disk loses. */
import assert from 'node:assert/strict';
import { seeded } from '#tests/e2e/workload.ts';
import { CONTENTS, type Loss, NAMES } from './disk-model.ts';
import { play, type Recording } from './recording.ts';

export interface Cut {
  /** How many things had happened. */
  readonly after: number;
  readonly moment: string;
  readonly contents: Loss['contents'];
  readonly names: Loss['names'];
  readonly seed: number;
}

/** By what happened last. The first that matches. */
const MOMENTS: readonly (readonly [moment: string, last: RegExp])[] = [
  ['an answer', /^>/],
  ['a change of names', /^(openat|mkdir|rename|unlink) /],
  ['an append', /^(pwrite64|fdatasync|fsync) event-log\.sqlite-wal$/],
  ['a checkpoint', /^\w+ event-log\.sqlite$/],
  ['the heads', / log-heads\./],
  ['the history, the portfolios', / (history|portfolios)\./],
  ['the relational database', / tradehall\./],
  ['the analytics', / analytics\./],
  ['something else', /^/],
];

export interface Moments {
  /** By name, after how many things. */
  readonly moments: ReadonlyMap<string, readonly number[]>;
  /** By order id, after how many things somebody had been told of it. */
  readonly toldAfter: ReadonlyMap<string, number>;
}

export function momentsOf(recording: Recording): Moments {
  const moments = new Map<string, number[]>();
  const toldAfter = new Map<string, number>();
  const last: string[] = [];
  let count = 0;
  for (const { what } of play(recording)) {
    count += 1;
    if (what.startsWith('>')) {
      for (const [id] of what.matchAll(UUID)) {
        if (recording.accepted.has(id) && !toldAfter.has(id)) toldAfter.set(id, count);
      }
    }
    const moment = MOMENTS.find(([, pattern]) => pattern.test(what))?.[0] ?? '';
    const phase = toldAfter.size === 0 ? 'the first start: ' : '';
    add(moments, `${phase}${moment}`, count);
    last.push(what);
  }
  const [firstStop, secondStop] = [last.indexOf('unlink socket'), last.lastIndexOf('unlink socket')];
  assert.ok(firstStop > 0 && secondStop > firstStop, 'both lives were told to end');
  for (let after = firstStop; after < count && last[after]?.startsWith('>') !== true; after += 1) {
    add(moments, 'the stop and the second start', after);
  }
  for (let after = secondStop; after <= count; after += 1) add(moments, 'the second stop', after);
  assert.deepEqual(
    [...recording.accepted.keys()].filter((id) => !toldAfter.has(id)),
    [],
    'each 202 is in the trace',
  );
  return { moments, toldAfter };
}

function add(to: Map<string, number[]>, name: string, value: number): void {
  const all = to.get(name) ?? [];
  all.push(value);
  to.set(name, all);
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** So many, in the order of the recording. */
export function chooseCuts({ moments }: Moments, count: number, seed: number): readonly Cut[] {
  const random = seeded(seed);
  const pick = <Item>(items: readonly Item[]): Item => {
    const item = items[Math.floor(random() * items.length)];
    assert.ok(item !== undefined);
    return item;
  };
  const kinds = [...moments];
  return Array.from({ length: count }, (_unused, index): Cut => {
    const [moment, places] = kinds[index % kinds.length] ?? ['', []];
    return {
      after: pick(places),
      moment,
      contents: pick(CONTENTS),
      names: pick(NAMES),
      seed: seed * 100_000 + index,
    };
  }).sort((left, right) => left.after - right.after);
}

export function nameOf({ after, contents, names, seed }: Cut): string {
  return `${after}:${contents}:${names}:${seed}`;
}

/** What `nameOf` gave. */
export function cutNamed(name: string): Cut {
  const [after, contents, names, seed] = name.split(':');
  const known = {
    contents: CONTENTS.find((mode) => mode === contents),
    names: NAMES.find((mode) => mode === names),
  };
  assert.ok(known.contents !== undefined && known.names !== undefined, `${name} names no cut`);
  return {
    after: Number(after),
    moment: 'named',
    contents: known.contents,
    names: known.names,
    seed: Number(seed),
  };
}
