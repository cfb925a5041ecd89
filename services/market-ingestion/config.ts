/** The options of market-ingestion. */
import { symbolOptions } from '#infrastructure/common/symbol-options.ts';
import {
  type ConfigurationOf,
  integerOption,
  type ParsedOption,
  textOption,
} from '#infrastructure/core/options.ts';

export type FeedChoice =
  | { readonly kind: 'simulated' }
  | { readonly kind: 'replay'; readonly path: string }
  | { readonly kind: 'none' };

/** How fast feed time passes: this many times as fast as the wall clock, or without waiting at all. */
export type FeedSpeed = number | 'max';

const FEED_FORMS = 'must be simulated, none or replay:FILE';
const MAX_PATH_LENGTH = 900;
const SPEED = /^(0|[1-9][0-9]{0,5})(\.[0-9]{1,6})?$/;

function refused(rule: string, message: string): ParsedOption<never> {
  return { kind: 'refused', rule, message };
}

function parseFeed(text: string): ParsedOption<FeedChoice> {
  const colon = text.indexOf(':');
  const scheme = colon === -1 ? text : text.slice(0, colon);
  const rest = colon === -1 ? '' : text.slice(colon + 1);
  switch (scheme) {
    case 'simulated':
    case 'none':
      return rest === '' ? { kind: 'value', value: { kind: scheme } } : refused('feed', FEED_FORMS);
    case 'replay':
      if (rest === '') return refused('feed', 'must name a file, such as replay:bars.csv.gz');
      if (rest.length > MAX_PATH_LENGTH) {
        return refused('maxLength', `must name a file by at most ${MAX_PATH_LENGTH} characters`);
      }
      return { kind: 'value', value: { kind: 'replay', path: rest } };
    case 'alpaca':
      return refused('feed', `cannot be alpaca yet: that feed comes in a later release; it ${FEED_FORMS}`);
    default:
      return refused('feed', FEED_FORMS);
  }
}

function parseSpeed(text: string): ParsedOption<FeedSpeed> {
  if (text === 'max') return { kind: 'value', value: 'max' };
  const value = Number(text);
  if (SPEED.test(text) && value > 0) return { kind: 'value', value };
  return refused('speed', 'must be max, or a decimal above zero and below 1,000,000, such as 2.5');
}

export const marketIngestionOptions = {
  feed: textOption<FeedChoice>(
    {
      name: 'feed',
      default: 'simulated:',
      sentence:
        'Where market data comes from: simulated, replay:FILE (CSV or Parquet, plain or gzipped) or none.',
    },
    parseFeed,
  ),
  replaySpeed: textOption<FeedSpeed>(
    {
      name: 'replay_speed',
      default: '1',
      sentence: 'How many times as fast as the clock the feed runs, or max to run flat out.',
    },
    parseSpeed,
  ),
  ...symbolOptions,
  seed: integerOption({
    name: 'seed',
    default: '1',
    sentence: 'What the simulated feed is made from: the same seed gives the same prices.',
    minimum: 0,
    maximum: 4_294_967_295,
  }),
  feedRate: integerOption({
    name: 'feed_rate',
    default: '100',
    unit: 'events/s',
    sentence: 'How many events the simulated feed gives in a second of feed time, over all symbols.',
    minimum: 1,
    maximum: 100_000,
  }),
} as const;

export type MarketIngestionConfig = ConfigurationOf<typeof marketIngestionOptions>;
