/** Each rule fails on what it forbids, names the place, and lets the better way pass. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from './judge.ts';
import { RULES } from './rules.ts';
import { maskSource, parseSource } from './source.ts';

const HEADER = '/** A sample. */\n';

/** The places (`line rule`) that judging these files gives. */
function placesIn(samples: Readonly<Record<string, string>>): readonly string[] {
  const files = Object.entries(samples).map(([path, body]) => parseSource(path, HEADER + body));
  return judge(files, RULES).map((violation) => `${violation.path}:${violation.line} ${violation.rule}`);
}

interface Sample {
  readonly rule: string;
  readonly path: string;
  /** The violation is on the first line after the header, line 2. */
  readonly bad: readonly string[];
  readonly good: readonly string[];
}

const SAMPLES: readonly Sample[] = [
  {
    rule: 'vendors',
    path: 'services/order/service.ts',
    bad: [
      "import Fastify from 'fastify';",
      "import type { WebSocket } from 'ws';",
      "import { DatabaseSync } from 'node:sqlite';",
      "import leftPad from 'left-pad';",
      "const kysely = await import('kysely');",
      "import 'pino';",
    ],
    good: ["import { Type } from 'typebox';", "// import Fastify from 'fastify';"],
  },
  {
    rule: 'deterministic-core',
    path: 'domain/trading/engine.ts',
    bad: [
      'const now = Date.now();',
      'const now = new Date();',
      'const now = Date();',
      'const random = Math.random();',
      'const id = crypto.randomUUID();',
      'setTimeout(() => undefined, 1);',
      'async function step(): Promise<void> {}'.replace(': Promise<void>', ''),
      'for (const x of xs) await x;',
      "const text = (1234).toLocaleString('en');",
      'const order = a.localeCompare(b);',
      'const format = new Intl.NumberFormat();',
      'const hour = date.getHours();',
      "import { createHash } from 'node:crypto';",
      "import Big from 'big.js';".replace('big.js', 'node:os'),
      'const where = process.cwd();',
      'const t = performance.now();',
      `const text = \`$\{Date.now()}\`;`,
    ],
    good: [
      'const day = new Date(timeMs).getUTCDate();',
      "const text = 'Date.now() in a string';",
      'const pattern = /await Date.now()/;',
      '// the core never calls Date.now()',
    ],
  },
  {
    rule: 'handed-in',
    path: 'streams/trade-execution/owner.ts',
    bad: [
      'const now = Date.now();',
      'const timer = setInterval(tick, 10);',
      'const t = performance.now();',
      'const id = randomUUID();',
      'process.exit(1);',
      "import { readFile } from 'node:fs/promises';",
      "import { setTimeout as wait } from 'node:timers/promises';",
      'const signal = AbortSignal.timeout(10);',
      'console.log(1);',
    ],
    good: [
      'const now = runtime.clock.nowMs();',
      'await runtime.timers.sleep(10);',
      "import { createHash } from 'node:crypto';",
      'timers.setTimeout(1);',
    ],
  },
  {
    rule: 'environment',
    path: 'composition/compose.ts',
    bad: ["const home = process.env['HOME'];", 'const { env } = process;'],
    good: ['const home = config.home;'],
  },
  {
    rule: 'no-float-money',
    path: 'services/order/estimate.ts',
    bad: [
      'const price = parseFloat(text);',
      'const text = cash.toFixed(2);',
      'const p = Number(order.limitPrice);',
      'const p = Number(price);',
      'interface Line { readonly limitPrice: number }',
      'interface Line { readonly price?: number }',
      'function pay(cashBalance: number): void {}',
    ],
    good: [
      'interface Line { readonly maxPriceAgeMs: number; readonly priceCount: number }',
      'const limit = Number(query.limit);',
      'interface Line { readonly price: Price }',
    ],
  },
  {
    rule: 'no-any',
    path: 'composition/compose.ts',
    bad: [
      'function f(x: any): void {}',
      'const x = y as any;',
      'const x: Map<string, any> = new Map();',
      'let x: readonly any[] = [];',
      'const x = y as unknown as Z;',
    ],
    good: ['const any = 1;', "const x = 'as any';", 'AbortSignal.any([a, b]);'],
  },
  {
    rule: 'silenced',
    path: 'composition/compose.ts',
    bad: ['// @ts-ignore', '// @ts-expect-error for now'],
    good: ['const x = 1;'],
  },
  {
    rule: 'swallowed',
    path: 'composition/compose.ts',
    bad: ['try { f(); } catch {}', 'try { f(); } catch (error) { }'],
    good: ['try { f(); } catch { /* the file may be gone already */ }', 'try { f(); } catch (e) { g(e); }'],
  },
  {
    rule: 'barrels',
    path: 'domain/data/all.ts',
    bad: [
      "export * from './decimal.ts';".replace('./decimal.ts', './all.ts'),
      "export { a } from './all.ts';",
    ],
    good: ['export const a = 1;'],
  },
  {
    rule: 'really-run',
    path: 'tests/e2e/orders.test.ts',
    bad: ["test.only('x', () => {});", "it.skip('x', () => {});", "test('x', { skip: true }, () => {});"],
    good: ["test('x', () => {});"],
  },
  {
    rule: 'no-sleeping',
    path: 'tests/e2e/orders.test.ts',
    bad: ['setTimeout(resolve, 100);', "import { setTimeout as wait } from 'node:timers/promises';"],
    good: ['runtime.timers.sleep(5);'],
  },
];

for (const { rule, path, bad, good } of SAMPLES) {
  test(`${rule} fails on each planted violation`, () => {
    for (const sample of bad) {
      const places = placesIn({ [path]: sample }).filter((place) => place.endsWith(` ${rule}`));
      assert.ok(places.includes(`${path}:2 ${rule}`), `let pass: ${sample}`);
    }
  });
  test(`${rule} lets the better way pass`, () => {
    for (const sample of good) {
      const places = placesIn({ [path]: sample }).filter((place) => place.endsWith(` ${rule}`));
      assert.deepEqual(places, [], `stopped: ${sample}`);
    }
  });
}

const PARTS = {
  'domain/data/decimal.ts': '',
  'domain/trading/engine.ts': '',
  'infrastructure/core/runtime.ts': '',
  'infrastructure/cache/cache.ts': '',
  'infrastructure/cache/memory/memory-cache.ts': '',
  'infrastructure/portfolios/portfolios.ts': '',
  'services/order/service.ts': '',
  'services/query/service.ts': '',
  'composition/compose.ts': '',
  'commands/start.ts': '',
  'tests/e2e/harness.ts': '',
};

const LAYERS: readonly (readonly [from: string, to: string, allowed: boolean])[] = [
  ['domain/data/decimal.ts', 'domain/trading/engine.ts', false],
  ['domain/trading/engine.ts', 'domain/data/decimal.ts', true],
  ['domain/trading/engine.ts', 'infrastructure/core/runtime.ts', false],
  ['infrastructure/core/runtime.ts', 'infrastructure/cache/cache.ts', false],
  ['infrastructure/cache/cache.ts', 'infrastructure/portfolios/portfolios.ts', false],
  ['infrastructure/cache/cache.ts', 'domain/trading/engine.ts', false],
  ['infrastructure/cache/memory/memory-cache.ts', 'infrastructure/cache/cache.ts', true],
  ['infrastructure/cache/memory/memory-cache.ts', 'infrastructure/portfolios/portfolios.ts', false],
  ['services/order/service.ts', 'services/query/service.ts', false],
  ['services/order/service.ts', 'infrastructure/cache/cache.ts', true],
  ['services/order/service.ts', 'infrastructure/cache/memory/memory-cache.ts', false],
  ['services/order/service.ts', 'composition/compose.ts', false],
  ['services/order/service.ts', 'tests/e2e/harness.ts', false],
  ['composition/compose.ts', 'infrastructure/cache/memory/memory-cache.ts', true],
  ['commands/start.ts', 'infrastructure/cache/memory/memory-cache.ts', false],
  ['commands/start.ts', 'services/order/service.ts', false],
  ['commands/start.ts', 'composition/compose.ts', true],
  ['domain/data/decimal.ts', 'domain/data/missing.ts', false],
];

for (const [from, to, allowed] of LAYERS) {
  test(`layers: ${from} ${allowed ? 'may' : 'may not'} import ${to}, also for a type alone`, () => {
    const places = placesIn({ ...PARTS, [from]: `import type { X } from '#${to}';\n` });
    const expected = allowed ? [] : [`${from}:2 layers`];
    assert.deepEqual(
      places.filter((place) => place.endsWith(' layers')),
      expected,
    );
  });
}

test('an import circle is named once, with its way round', () => {
  const files = {
    'domain/data/a.ts': "import type { B } from './b.ts';",
    'domain/data/b.ts': "import { c } from './c.ts';",
    'domain/data/c.ts': "import { a } from '#domain/data/a.ts';",
  };
  assert.deepEqual(placesIn(files), ['domain/data/c.ts:2 cycles']);
});

test('names, lengths and headers', () => {
  assert.deepEqual(placesIn({ 'infrastructure/utils/thing.ts': '' }), [
    'infrastructure/utils/thing.ts:1 names',
  ]);
  assert.deepEqual(placesIn({ 'domain/data/helpers.ts': '' }), ['domain/data/helpers.ts:1 names']);
  assert.deepEqual(placesIn({ 'domain/data/index.ts': '' }), ['domain/data/index.ts:1 names']);
  assert.deepEqual(placesIn({ 'domain/data/BigThing.ts': '' }), ['domain/data/BigThing.ts:1 names']);
  assert.deepEqual(placesIn({ 'domain/data/long.ts': 'const x = 1;\n'.repeat(400) }), [
    'domain/data/long.ts:1 length',
  ]);
  const bare = judge([parseSource('domain/data/bare.ts', 'export const x = 1;\n')], RULES);
  assert.deepEqual(
    bare.map(({ rule }) => rule),
    ['header'],
  );
});

test('no source at all is a violation, not a pass', () => {
  assert.deepEqual(
    judge([], RULES).map(({ rule }) => rule),
    ['something-to-read'],
  );
});

test('an excuse with a reason holds; one without, of no rule, or for nothing does not', () => {
  const path = 'streams/trade-execution/owner.ts';
  const reason = ' — measured only for a metric, never decided upon';
  assert.deepEqual(placesIn({ [path]: `// house: allow handed-in${reason}\nconst now = Date.now();` }), []);
  assert.deepEqual(placesIn({ [path]: `const now = Date.now(); // house: allow handed-in${reason}` }), []);
  assert.deepEqual(placesIn({ [path]: 'const now = Date.now(); // house: allow handed-in' }), [
    `${path}:2 excuse`,
  ]);
  assert.deepEqual(placesIn({ [path]: `// house: allow handed-in${reason}` }), [`${path}:2 excuse`]);
  assert.deepEqual(placesIn({ [path]: `// house: allow nonsense${reason}` }), [`${path}:2 excuse`]);
});

test('masking keeps places and hides comments, strings, templates and patterns', () => {
  const dollar = '$';
  const text = `const a = 'it\\'s // no'; /* x */ const b = \`t ${dollar}{f('y')} u\`; // end\nconst c = a / b + /[/'"]/.source;\n`;
  const masked = maskSource(text);
  assert.equal(masked.length, text.length);
  assert.equal(masked.split('\n').length, text.split('\n').length);
  assert.match(
    masked,
    /^const a = ' +'; +const b = ` +\$\{f\(' '\)\} +`; +\nconst c = a \/ b \+ \/ +\/\.source;\n$/,
  );
});
