/**
 * The deterministic core has no clock, no randomness, no waiting and no locale; services and streams take them as
 * arguments; only one file reads the environment; money is never a float.
 */
import type { Rule, Violation } from './judge.ts';
import { isTest, lineAt, type SourceFile } from './source.ts';

interface Ban {
  readonly pattern: RegExp;
  readonly better: string;
}

const CLOCKS: readonly Ban[] = [
  {
    pattern: /\bDate\s*\.\s*now\b/g,
    better: 'the wall clock; take Runtime.clock (in the core: the input’s timeMs)',
  },
  {
    pattern: /\bnew\s+Date\s*\(\s*\)|\bnew\s+Date\b(?!\s*\()/g,
    better: 'the wall clock; new Date(ms) with a given time is fine',
  },
  {
    pattern: /(?<![.\w])(?<!new\s+)Date\s*\(/g,
    better: 'the wall clock; new Date(ms) with a given time is fine',
  },
  { pattern: /\bTemporal\s*\.\s*Now\b/g, better: 'the wall clock; take Runtime.clock' },
  { pattern: /\bperformance\b/g, better: 'a clock; take Runtime.clock.monotonicMs()' },
  { pattern: /\bhrtime\b/g, better: 'a clock; take Runtime.clock.monotonicMs()' },
];

const TIMERS: readonly Ban[] = [
  {
    pattern: /(?<!\.)\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/g,
    better: 'a timer; take Runtime.timers (sleep, every, yieldTurn)',
  },
  { pattern: /\bprocess\s*\.\s*nextTick\b/g, better: 'a timer; take Runtime.timers.yieldTurn()' },
  { pattern: /\bAbortSignal\s*\.\s*timeout\b/g, better: 'a timer; take Runtime.timers.sleep with a signal' },
];

const RANDOMNESS: readonly Ban[] = [
  { pattern: /\bMath\s*\.\s*random\b/g, better: 'randomness; take Runtime.randomness' },
  {
    pattern: /\b(randomUUID|randomBytes|randomInt|randomFill|randomFillSync|getRandomValues)\b/g,
    better: 'randomness; take Runtime.ids or Runtime.randomness',
  },
];

const SURROUNDINGS: readonly Ban[] = [
  { pattern: /\bprocess\s*\./g, better: 'the process; options and Runtime are handed in' },
  { pattern: /\bglobalThis\b/g, better: 'globals; whatever is needed is handed in' },
  { pattern: /\bconsole\s*\./g, better: 'the console; ServiceContext.logger is handed in' },
];

const LOCALE: readonly Ban[] = [
  { pattern: /\.\s*toLocale\w+/g, better: 'the locale of the machine; format by hand' },
  { pattern: /\bIntl\b/g, better: 'the locale data of the machine; format by hand' },
  { pattern: /\.\s*localeCompare\b/g, better: 'the locale of the machine; compare with < and >' },
  {
    pattern: /\.\s*get(FullYear|Month|Date|Day|Hours|Minutes|Seconds|TimezoneOffset)\b/g,
    better: 'the machine’s time zone; use the getUTC… form',
  },
];

const WAITING: readonly Ban[] = [
  { pattern: /\bawait\b/g, better: 'waiting; the core is one synchronous step' },
  { pattern: /\basync\b/g, better: 'waiting; the core is one synchronous step' },
  { pattern: /\bPromise\b/g, better: 'waiting; the core is one synchronous step' },
  { pattern: /\bfetch\s*\(/g, better: 'the network; the core has no I/O' },
];

const CORE_BANS = [...CLOCKS, ...TIMERS, ...RANDOMNESS, ...SURROUNDINGS, ...LOCALE, ...WAITING];
const SERVICE_BANS = [...CLOCKS, ...TIMERS, ...RANDOMNESS, ...SURROUNDINGS];

function banned(
  rule: string,
  files: readonly SourceFile[],
  bans: readonly Ban[],
  who: string,
): readonly Violation[] {
  return files.flatMap((file) =>
    bans.flatMap((ban) =>
      [...file.code.matchAll(ban.pattern)].map((match) => ({
        path: file.path,
        line: lineAt(file.text, match.index),
        rule,
        message: `${who} uses ${match[0].trim()}: ${ban.better}`,
      })),
    ),
  );
}

const inDomain = (file: SourceFile): boolean => file.path.startsWith('domain/') && !isTest(file.path);
const inServices = (file: SourceFile): boolean =>
  /^(services|streams|workers)\//.test(file.path) && !isTest(file.path);

export const deterministicCore: Rule = {
  name: 'deterministic-core',
  check: (all) => {
    const files = all.filter(inDomain);
    const imports = files.flatMap((file) =>
      file.imports
        .filter((imported) => imported.target === null && imported.specifier !== 'typebox')
        .map((imported) => ({
          path: file.path,
          line: imported.line,
          rule: 'deterministic-core',
          message: `the domain imports ${imported.specifier}: it uses the language alone; assert and hash with domain/data`,
        })),
    );
    return [...imports, ...banned('deterministic-core', files, CORE_BANS, 'the domain')];
  },
};

/** What of Node a service may use without losing its virtual clock, disk and network. */
const SERVICE_NODE_MODULES =
  /^node:(assert|assert\/strict|buffer|crypto|util|path|events|url|zlib|string_decoder)$/;
const GATEWAY_NODE_MODULES = /^node:(http|https|net|tls|stream|fs|fs\/promises)$/;

export const handedIn: Rule = {
  name: 'handed-in',
  check: (all) => {
    const files = all.filter(inServices);
    const imports = files.flatMap((file) =>
      file.imports
        .filter(({ specifier }) => specifier.startsWith('node:') && !SERVICE_NODE_MODULES.test(specifier))
        .filter(
          ({ specifier }) =>
            !(file.path.startsWith('services/api-gateway/') && GATEWAY_NODE_MODULES.test(specifier)),
        )
        .map((imported) => ({
          path: file.path,
          line: imported.line,
          rule: 'handed-in',
          message: `imports ${imported.specifier}: a simulation could not replace it; take a port or Runtime`,
        })),
    );
    return [...imports, ...banned('handed-in', files, SERVICE_BANS, 'a service or stream')];
  },
};

export const environment: Rule = {
  name: 'environment',
  check: (files) =>
    banned(
      'environment',
      files.filter(
        (file) => !isTest(file.path) && !/^scripts\/|^infrastructure\/core\/config\.ts$/.test(file.path),
      ),
      [
        {
          pattern: /\bprocess\s*\.\s*env\b|\benv\s*\}\s*=\s*process\b/g,
          better: 'declare an option; infrastructure/core/config.ts reads it',
        },
      ],
      'this file',
    ),
};

const AMOUNTS = [
  'price',
  'quantity',
  'cash',
  'amount',
  'notional',
  'fee',
  'fees',
  'cost',
  'costBasis',
  'profit',
  'balance',
  'money',
  'bid',
  'ask',
  'bidSize',
  'askSize',
];
const CAPITALISED = AMOUNTS.map((word) => word.charAt(0).toUpperCase() + word.slice(1));
/** A name that ends in one of these words: `price`, `limitPrice`; not `priceCount` or `maxPriceAgeMs`. */
const AMOUNT_NAME = `\\b(?:${AMOUNTS.join('|')}|\\w*[a-z0-9](?:${CAPITALISED.join('|')}))\\b`;

const FLOATS: readonly Ban[] = [
  {
    pattern: /\bparseFloat\b/g,
    better: 'a float; parsePrice, parseQuantity or parseMoney of domain/data/decimal.ts are exact',
  },
  { pattern: /\.\s*toFixed\b/g, better: 'a float; formatDecimal of domain/data/decimal.ts is exact' },
  {
    pattern: new RegExp(`\\bNumber\\s*\\(\\s*(?:\\w+\\s*\\??\\.\\s*)*${AMOUNT_NAME}\\s*[),]`, 'g'),
    better: 'an amount as a float; keep it a branded bigint',
  },
  {
    pattern: new RegExp(`${AMOUNT_NAME}\\s*\\??\\s*:\\s*(?:readonly\\s+)?number\\b`, 'g'),
    better: 'an amount as a float; its type is Price, Quantity, Money or Rate',
  },
];

export const noFloatMoney: Rule = {
  name: 'no-float-money',
  check: (files) =>
    banned(
      'no-float-money',
      files.filter(
        (file) =>
          /^(domain|services|streams|infrastructure|composition)\//.test(file.path) && !isTest(file.path),
      ),
      FLOATS,
      'this file',
    ),
};
