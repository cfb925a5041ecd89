/** Whether a log reaches what was noted of it outside: one that ends before its heads has lost its tail. */
import { OperatingError } from '#infrastructure/core/operating-error.ts';
import type { LogHead } from '../log-archive.ts';
import type { LogEnds } from './log-ends.ts';
import type { TopicCatalogue } from './topic-catalogue.ts';

export interface HeadsCheckParts {
  readonly ends: Pick<LogEnds, 'extents'>;
  readonly catalogue: Pick<TopicCatalogue, 'has' | 'places'>;
  /** For the sentence. */
  readonly headsFolder: string;
}

/** Throws `LOG_DAMAGED`. */
export async function assertReached(
  { ends, catalogue, headsFolder }: HeadsCheckParts,
  noted: readonly LogHead[],
): Promise<void> {
  for (const topic of new Set(noted.map((head) => head.topic))) {
    const extents = catalogue.has(topic) ? await ends.extents(catalogue.places(topic)) : [];
    for (const head of noted.filter((each) => each.topic === topic)) {
      const end = extents.find(({ partition }) => partition === head.partition)?.nextOffset ?? 0;
      if (head.nextOffset <= end) continue;
      throw damaged(
        `${topic}/${head.partition} ends at ${end}, but the heads in ${headsFolder} say ${head.nextOffset}: ` +
          'records are gone, or this is another cluster than before',
      );
    }
  }
}

export function damaged(what: string): OperatingError {
  return new OperatingError(
    'LOG_DAMAGED',
    `The event log cannot be sealed: ${what}. \`tradehall verify\` says more.`,
    {
      retry: 'never',
    },
  );
}
