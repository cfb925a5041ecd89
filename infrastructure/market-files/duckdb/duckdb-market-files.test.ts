import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { MAX_ROW_BYTES, type MarketFile, type MarketFileRow, type MarketFiles } from '../market-files.ts';
import { openDuckDbMarketFiles } from './duckdb-market-files.ts';

let folder = '';
let files: MarketFiles;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tradehall-market-files-'));
  files = await openDuckDbMarketFiles({ directory: join(folder, 'staging') });
});
after(() => rm(folder, { recursive: true, force: true }));

async function open(name: string, content: string | Uint8Array): Promise<MarketFile> {
  const path = join(folder, name);
  await writeFile(path, content);
  return files.open(path);
}

async function rowsOf(file: MarketFile, fromTimeMs: number | null = null): Promise<readonly MarketFileRow[]> {
  const all: MarketFileRow[] = [];
  for await (const rows of file.read(fromTimeMs)) all.push(...rows);
  return all;
}

const seconds = (second: number) => Date.UTC(2019, 1, 11, 14, 30, second);
const TRADES = [
  'symbol,t,price,size',
  'AAPL,2019-02-11T14:30:02Z,171,1',
  'AAPL,2019-02-11T14:30:05Z,172,2',
  'MSFT,2019-02-11T14:30:00Z,105,3',
  'MSFT,2019-02-11T14:30:02Z,106,4',
].join('\n');

test('rows come in time order, those of one time in the file’s order, plain or gzipped alike', async () => {
  for (const content of [TRADES, gzipSync(TRADES), TRADES.replaceAll('\n', '\r\n')]) {
    const file = await open('trades', content);
    assert.equal(file.kind, 'trades');
    const rows = await rowsOf(file);
    assert.deepEqual(
      rows.map(({ line, timeMs, cells }) => [line, timeMs, cells[2]]),
      [
        [4, seconds(0), '105'],
        [2, seconds(2), '171'],
        [5, seconds(2), '106'],
        [3, seconds(5), '172'],
      ],
    );
    assert.deepEqual(
      (await rowsOf(file, seconds(2))).map(({ line }) => line),
      [2, 5, 3],
    );
    assert.equal(await file.smallestGapMs(), 2_000);
    await file.close();
  }
});

test('of a file of many rows none is left out and none comes twice', async () => {
  const rows = Array.from(
    { length: 5_000 },
    (_, at) => `AAPL,${new Date(seconds(at)).toISOString()},${at + 1},1`,
  );
  const file = await open('many', ['symbol,t,price,size', ...rows].join('\n'));
  assert.deepEqual(
    (await rowsOf(file)).map(({ cells }) => cells[2]),
    rows.map((_, at) => String(at + 1)),
  );
  await file.close();
});

test('columns are found by name in any order, with others beside them; date stands for t', async () => {
  const file = await open(
    'daily.csv',
    '\uFEFFdate,Symbol,note,volume,close,low,high,open\n2019-02-11,"V","a, b",10,4,1,5,2\n',
  );
  assert.equal(file.kind, 'bars');
  const [row] = await rowsOf(file);
  assert.deepEqual(row?.cells, ['V', '2019-02-11', '2', '5', '1', '4', '10']);
  assert.equal(row?.timeMs, Date.UTC(2019, 1, 11));
  assert.equal(await file.smallestGapMs(), null);
  await file.close();
});

test('a row that cannot be taken apart has its line and its bytes, and does not hurt the next', async () => {
  const wrong = [
    'V,2019-02-11T14:30:00Z,1',
    'V,"2019-02-11T14:30:00Z,1,1',
    'V,2019-02-11T14:30:00Z,1,1,1',
    'x'.repeat(MAX_ROW_BYTES + 10),
  ];
  const right = 'V,2019-02-11T14:30:09Z,140,1';
  const lines = ['symbol,t,price,size', ...wrong, '', right];
  const file = await open(
    'wrong.csv',
    Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0xff, 0xfe, 0x2c, 0x0a])]),
  );
  const rows = await rowsOf(file);
  const bad = rows.filter(({ trouble }) => trouble !== null);
  assert.deepEqual(bad.map(({ line }) => line).sort(), [2, 3, 4, 5, 8]);
  assert.equal(Buffer.from(bad.find(({ line }) => line === 2)?.original ?? []).toString(), wrong[0]);
  assert.equal(bad.find(({ line }) => line === 5)?.original.length, MAX_ROW_BYTES);
  assert.deepEqual(rows.at(-1)?.cells, right.split(','));
  assert.equal(rows.at(-1)?.line, 7);
  await file.close();
});

test('Parquet gives what the same CSV gives, times and numbers of any type, gzipped too', async () => {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const path = join(folder, 'bars.parquet');
  await connection.run(
    `COPY (SELECT * FROM (VALUES
       ('V', TIMESTAMP '2019-02-11 14:31:00', 140.25::DOUBLE, 141::DOUBLE, 140::DECIMAL(9,2), 140.5::FLOAT, 1200::BIGINT),
       ('V', TIMESTAMP '2019-02-11 14:30:00', 140.5, 141, 140, NULL, 300)
     ) AS bars(symbol, t, open, high, low, close, volume)) TO '${path}' (FORMAT parquet)`,
  );
  instance.closeSync();
  const { readFile } = await import('node:fs/promises');
  const packed = join(folder, 'bars.parquet.gz');
  await writeFile(packed, gzipSync(await readFile(path)));
  for (const each of [path, packed]) {
    const file = await files.open(each);
    assert.equal(file.kind, 'bars');
    const [first, second] = await rowsOf(file);
    assert.deepEqual(first?.cells, ['V', '2019-02-11T14:30:00.000Z', '140.5', '141.0', '140.00', '', '300']);
    assert.equal(first?.line, 2);
    assert.deepEqual(second?.cells.slice(1, 3), ['2019-02-11T14:31:00.000Z', '140.25']);
    assert.equal(await file.smallestGapMs(), 60_000);
    await file.close();
  }
});

test('what is no market data, missing or damaged is refused with a sentence, and nothing is left behind', async () => {
  const fake = join(folder, 'fake.parquet');
  await assert.rejects(files.open(join(folder, 'nowhere.csv')), {
    code: 'MARKET_FILE_MISSING',
    retry: 'never',
  });
  await assert.rejects(open('empty.csv', ''), { code: 'MARKET_FILE_UNRECOGNISED' });
  await assert.rejects(open('other.csv', 'a,b\n1,2\n'), /must name symbol,t,open,.* begins with "a,b"/);
  await assert.rejects(open('fake.parquet', 'PAR1 and nothing of the sort'), {
    code: 'MARKET_FILE_UNREADABLE',
    message: `The file ${fake} cannot be read: No magic bytes found at end of file '${fake}'.`,
  });
  const cut = await open(
    'cut.csv.gz',
    gzipSync(`${TRADES}\n${'V,2019-02-11T14:30:09Z,140,1\n'.repeat(9_000)}`).subarray(0, 200),
  );
  await assert.rejects(rowsOf(cut), { code: 'MARKET_FILE_UNREADABLE' });
  await cut.close();
  assert.deepEqual(await readdir(join(folder, 'staging')), []);
});

test('the digest tells another file from the same one', async () => {
  const digests = new Set<string>();
  for (const content of [TRADES, TRADES, `${TRADES}\n`, TRADES.replace('171', '170')]) {
    const file = await open('same-name.csv', content);
    digests.add(file.digest);
    await file.close();
  }
  assert.equal(digests.size, 3);
});
